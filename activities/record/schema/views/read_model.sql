-- The views of read_model are made by publishing a generation, here the first one, which is empty: of the log 1 and of
-- the first definition.
SELECT read_model.publish(read_model.begin_generation(1::smallint, 1));
