// The session room: counts down to the next observation, to the second, and calls when one was not made in time. All
// times are the server's. Without this script the page says the same as of when it was loaded.

import { say } from "./dom.js";
import { addCall, now, unsent } from "./kept.js";

const ALARM = document.querySelector("[data-as-of]").dataset.call; // in the tab: nothing about health
const OPEN = ["to come", "now", "late"];

let title = document.title;
const missed = addCall();
const ACTION = /\/session\/observe$/;

function scheduled() {
  return [...document.querySelectorAll("tr[data-due]")].map((row) => ({
    row,
    minute: Number(row.dataset.minute),
    due: Number(row.dataset.due) * 1000,
    window: Number(row.dataset.window) * 1000,
    vitals: "vitals" in row.dataset,
    clock: row.dataset.clock,
    state: row.dataset.state,
  }));
}

// Whether an observation that makes this one was entered here, and is on its way.
function isEntered(each) {
  return unsent().some(
    ({ action, fields }) =>
      ACTION.test(action) && Math.abs(Number(fields.get("minute")) - each.minute) * 60_000 <= each.window,
  );
}

function stateOf(each) {
  if (!OPEN.includes(each.state)) return each.state;
  if (isEntered(each)) return "entered";
  if (now() > each.due + each.window) return "late";
  return now() >= each.due - each.window ? "now" : "to come";
}

function spell(milliseconds) {
  const seconds = Math.floor(Math.abs(milliseconds) / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  return `${hours ? `${hours} h ` : ""}${hours || minutes ? `${minutes} min ` : ""}${seconds % 60} s`;
}

function showNext(next) {
  const shown = document.querySelector("[data-next]");
  if (!shown) return;
  shown.hidden = next === undefined;
  if (next === undefined) return;
  const passed = now() >= next.due;
  shown.classList.toggle("due", next.state === "now");
  say(shown.querySelector("[data-what]"), next.state === "now" ? "Observe now" : "Next");
  say(shown.querySelector("[data-minute]"), String(next.minute));
  say(shown.querySelector("[data-clock]"), next.clock);
  say(shown.querySelector("[data-due]"), passed ? `since ${spell(now() - next.due)}` : `in ${spell(next.due - now())}`);
  shown.querySelector("[data-vitals]").hidden = !next.vitals;
}

function showRow({ row, state }) {
  const words = { late: "not observed", entered: "entered, not sent yet" }[state] ?? state;
  row.classList.toggle("overdue", state === "late" || state === "missed");
  const mark = row.querySelector(".mark");
  mark.classList.toggle("missed", state === "late" || state === "missed");
  say(mark, words);
}

// The minute that is observed now, in a form that nobody has begun to fill in.
function fillMinute(every) {
  const minute = document.querySelector("form[data-again]:not([data-typed]) [name=minute]");
  if (!minute || document.activeElement === minute || !every.length) return;
  const passed = Math.max(Math.floor((now() - every[0].due) / 60_000) + every[0].minute, 0);
  const due = every.find((each) => each.state === "now" && each.minute <= passed);
  minute.value = due ? due.minute : passed;
}

function call(late) {
  for (const each of late) document.getElementById(`late-${each.minute}`)?.removeAttribute("hidden");
  if (document.title !== ALARM) title = document.title;
  document.title = late.length ? ALARM : title;
  if (!late.length) return say(missed, "");
  const minutes = late.map((each) => each.minute).join(", ");
  const [what, due, enter] =
    late.length === 1 ? [`Minute ${minutes} was`, "It was", "Enter it"] : [`Minutes ${minutes} were`, "They were", "Enter them"];
  const link = document.createElement("a");
  Object.assign(link, { href: `#late-${late[0].minute}`, textContent: `${enter}, or say why` });
  say(missed, `${what} not observed. ${due} due at ${late.map((each) => each.clock).join(", ")}. `, link);
}

function tick() {
  const every = scheduled().map((each) => ({ ...each, state: stateOf(each) }));
  every.forEach(showRow);
  showNext(every.find((each) => each.state === "now" || each.state === "to come"));
  fillMinute(every);
  call(every.filter((each) => each.state === "late"));
}

tick();
setInterval(tick, 1000);
document.addEventListener("renewed", tick, true);
