-- The views of read_model are made by publishing a generation, here the first one, which is empty: of the log 1 and of
-- the first definition.
SELECT read_model.publish(read_model.begin_generation(1::smallint, 1));
-- What is published later replaces these views, and who may read them stays.
GRANT SELECT ON read_model.caseload, read_model.obligation TO carepath_watchdog;
