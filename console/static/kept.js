// Keeps what was entered while there is no connection: in the memory of this page alone, and nowhere else. It is sent
// once the server answers, in order, each under the id of its form; so the server does it once, however often it comes.
// Every 20 seconds it asks the server whether anything is new. What is new is told and not put in, so that nothing
// moves under a hand. Without this script a form is sent as browsers send forms.

import { link, make, say, signInLink } from "./dom.js";

const KEPT = "application/vnd.carepath.kept+json"; // how the server knows this script, and this script the server
const EVERY = 20_000; // how often it asks (all times are in milliseconds)
const AGAIN = 5_000; // how often while there is something to send, or no connection
const WITHIN = 15_000; // how long an answer is waited for
const STALE = 60_000; // from when on a page says that it was not refreshed
const WARN = 60_000; // how long before somebody is signed out they are asked whether to stay
const SOON = 3_000; // how soon a call for help has to be answered before it is said whom to call
const OTHER = "Somebody else is signed in in this browser. What you entered is sent once you are signed in again.";
const LATER = [408, 425, 429, 502, 503, 504]; // not now, and perhaps later

const entries = []; // what was sent from this page: waiting, sent or refused
let ahead = 0; // by how much the server's clock is ahead of this one
let asked = Date.now(); // when the server answered last
let asking = false;
let sending = false;
let lost = null; // since when there is no connection
let away = ""; // why nothing can be sent although the server answers
let looksOnly = false; // whether who is signed in has no working session
let idleUntil = Infinity; // when they are signed out if they do nothing
let latest = Infinity; // when they are signed out whatever they do
let left = false; // whether this page is put away
let token = document.querySelector("[name=form_token]")?.value;
const { idle, onward, entered } = document.body.dataset;

const asOf = document.querySelector("[data-as-of]");
const box = make("section", "kept", { ariaLabel: "Connection and sending" });
const calls = make("div", "calls");
const state = make("p", "state", { role: "status" });
const list = make("ul", "entries");
const newer = make("p", "newer", { role: "status" });
box.append(calls, state, list, newer);
document.querySelector("main").before(box);
const alarm = addCall();
const told = addCall();
const leaving = addCall();

if (asOf) ahead = Number(asOf.dataset.asOf) * 1000 - Date.now();
if (asOf && idle) idleUntil = Number(asOf.dataset.asOf) * 1000 + Number(idle) * 1000; // until the server says it

// A line on top of the page, wherever the page is, for what nobody may miss.
export function addCall() {
  return calls.appendChild(make("p", "", { role: "alert" }));
}

// The time of day at the server (milliseconds): the clock of a phone may be wrong.
export const now = () => Date.now() + ahead;

// What was entered here and is not recorded yet.
export const unsent = () => entries.filter((entry) => entry.state === "waiting");

// What of that can be sent by who is signed in. Without a working session only some of it can.
const sendable = () => unsent().filter((entry) => !(looksOnly && entry.needsSession));

// A time on the clock that the page has its times on, called as the server calls it.
function clock(moment) {
  const { clock: name, clockMinutes } = (asOf?.dataset.clock ? asOf : document.body).dataset;
  return `${new Date(moment + clockMinutes * 60_000).toISOString().slice(11, 16)} ${name}`;
}

function show() {
  const waiting = unsent().length;
  const kept = waiting ? ` Waiting to be sent: ${waiting}. Do not close this page: it is kept here alone.` : "";
  const since = lost === null ? "" : `No connection since ${clock(lost)}.`;
  if (lost !== null) {
    const none = " What you send is kept on this page, and sent once there is a connection. Do not close it.";
    say(state, since + (kept || none));
  } else if (away === "signed out") {
    const onward = signInLink("Sign in in another tab");
    const orLink = ", or open your link there, as the same person, and come back here.";
    const withKey = looksOnly ? " To send anything, sign in with your passkey: your organisation only lets you look." : "";
    say(state, `You are signed out. Nothing is lost.${kept} `, onward, orLink + withKey);
  } else if (away) {
    say(state, away + kept);
  } else if (unsent().some((entry) => !entry.late)) {
    say(state, "Sending.");
  } else if (sendable().length < waiting) {
    const onward = signInLink("Open your working session in another tab");
    say(state, `You are signed in to look.${kept} `, onward, ", as the same person, and come back here.");
  } else if (!waiting) {
    const sent = entries.filter((entry) => entry.late && entry.state === "sent").length;
    say(state, sent ? `There is a connection. Sent: ${sent}. Nothing waits any more.` : "");
  }
  for (const entry of entries) showEntry(entry);
  if (lost === null) say(told, "");
  if (lost === null && !unsent().some((entry) => entry.call)) say(alarm, "");
}

function showEntry(entry) {
  if (!entry.late && !entry.stays) return;
  entry.line ??= list.appendChild(make("li", ""));
  entry.line.className = entry.state;
  const name = `${entry.name}, entered at ${clock(entry.at)}`;
  if (entry.state === "waiting") say(entry.line, `${name}: waiting to be sent`);
  if (entry.state === "sent") say(entry.line, `${name}: sent. ${entry.words}`);
  if (entry.state === "refused") {
    const correct = make("button", "quiet", { type: "button", textContent: "See why, and correct it" });
    correct.addEventListener("click", () => correctNow(entry));
    say(entry.line, `${name}: ${entry.words} What you entered is not lost. `, correct);
  }
}

// Say whom to call at once: a call for help that waits is none.
function callInstead(entry) {
  if (entry.state !== "waiting") return;
  const route = entry.call.trim().replace(/\.$/, "");
  say(alarm, `Nobody is called yet. Do this now: ${route}. What you sent goes out as well, once it can.`);
}

// What was not sent at once waits, and its form takes the next entry where there can be one.
function hold(entry) {
  if (entry.call) callInstead(entry);
  if (entry.late) return;
  entry.late = true;
  if (entry.form.matches("[data-again]") && idOf(entry.form) === entry.id) renew(entry.form);
}

function lose() {
  lost ??= now();
  unsent().forEach(hold);
  show();
}

async function fetchSoon(address, options) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), WITHIN);
  try {
    const answer = await fetch(address, { ...options, signal: stop.signal });
    const ours = answer.headers.get("content-type")?.startsWith(KEPT) ?? false;
    return { status: answer.status, ours, text: await answer.text() };
  } finally {
    clearTimeout(timer);
  }
}

// Ask whether the server answers, who is signed in, what time it is, and what is new.
async function ask() {
  if (asking) return;
  asking = true;
  const begun = Date.now();
  try {
    const headers = { accept: KEPT, "carepath-seen": asOf?.dataset.seen ?? "" };
    const answer = await fetchSoon(location.pathname + location.search, { headers });
    if (!answer.ours && !pageOf(answer)) throw new Error("not by this server");
    lost = null;
    if (answer.status === 401) {
      away = "signed out";
      leave();
    } else if (answer.ours) {
      const found = JSON.parse(answer.text);
      token = found.form_token;
      looksOnly = found.looks_only;
      ahead = found.now * 1000 - (begun + Date.now()) / 2;
      knowEnd(found);
      asked = Date.now();
      away = unsent().some((entry) => entry.person !== found.person) ? OTHER : "";
      tellNews(found.news);
    }
  } catch {
    lose();
  } finally {
    asking = false;
  }
  if (lost === null && !away && sendable().length) await sendAll();
  show();
}

// Nobody reads a page of somebody who is signed out, unless something of theirs is kept on it, or it is a session's.
// What is shown is hidden at once: without a connection it may take minutes until the browser gives up on the page to
// sign in on.
function leave() {
  if (left || typing() || entered !== undefined || entries.length || !onward) return;
  left = true;
  document.querySelector("main").classList.add("away");
  location.replace(onward);
}

function knowEnd(found) {
  idleUntil = found.idle_until * 1000;
  latest = found.latest * 1000;
  warn();
}

// Whether their sign-in is over, as far as this page knows.
const isOver = () => now() > Math.min(idleUntil, latest);

// Ask whether to stay, a minute before somebody is signed out.
function warn() {
  const ends = Math.min(idleUntil, latest);
  if (lost !== null && isOver()) leave();
  if (away || lost !== null || isOver() || now() < ends - WARN) return say(leaving, "");
  if (latest <= idleUntil) {
    const onward = signInLink("Sign in again in another tab");
    return say(leaving, `You are signed out at ${clock(ends)}, after twelve hours. Nothing is lost. `, onward);
  }
  const button = make("button", "", { type: "button", textContent: "Stay signed in" });
  button.addEventListener("click", stay);
  say(leaving, `You did nothing here for a while, and are signed out at ${clock(ends)}. Nothing is lost. `, button);
}

async function stay() {
  const sent = { method: "POST", headers: { accept: KEPT }, body: new URLSearchParams({ form_token: token }) };
  try {
    const answer = await fetchSoon("/stay", sent);
    if (answer.status === 200 && answer.ours) return knowEnd(JSON.parse(answer.text));
  } catch {
    return lose();
  }
  return ask();
}

function tellNews(words) {
  if (!asOf) return;
  if (words) {
    say(newer, `${words} `, link("Show it", location.href));
  } else {
    asOf.dataset.asOf = now() / 1000;
    say(newer, "");
  }
}

function showAge() {
  if (!asOf) return;
  const minutes = Math.floor((Date.now() - asked) / 60_000);
  const old = Date.now() - asked >= STALE;
  const words = `As of ${clock(Number(asOf.dataset.asOf) * 1000)}`;
  const spoken = minutes === 1 ? "1 minute" : `${minutes} minutes`;
  say(asOf, old ? `${words}, not refreshed for ${spoken}. What is shown may have changed.` : `${words}.`);
  asOf.classList.toggle("stale", old);
}

async function sendAll() {
  if (sending) return;
  sending = true;
  show();
  try {
    for (let entry = sendable()[0]; entry !== undefined; entry = sendable()[0]) {
      if (!(await send(entry))) break;
    }
  } finally {
    sending = false;
  }
  goOn();
  show();
}

// Send what was entered. Whether anything else may be sent after it.
async function send(entry, again = true) {
  const tried = token;
  entry.fields.set("form_token", token);
  let answer;
  try {
    answer = await fetchSoon(entry.action, { method: "POST", headers: { accept: KEPT }, body: entry.fields });
  } catch {
    lose();
    return false;
  }
  if (answer.status === 401 && answer.ours && JSON.parse(answer.text).signed_in) {
    // It is sent again once they have a working session. What needs none is sent meanwhile.
    looksOnly = entry.needsSession = true;
    hold(entry);
    return true;
  }
  if (answer.status === 401 || LATER.includes(answer.status)) {
    hold(entry);
    away = answer.status === 401 ? "signed out" : "The service cannot take it at this moment, and is asked again.";
    return false;
  }
  if (answer.status === 403 && again) {
    await ask(); // the token of a sign-in that was made anew in another tab
    if (away || lost !== null) {
      hold(entry);
      return false;
    }
    if (token !== tried) return send(entry, false);
  }
  const page = pageOf(answer);
  if (!answer.ours && !page) {
    lose();
    return false;
  }
  lost = null;
  if (page) {
    // What is recorded of it, or kept, only the server can say.
    const ended = page.querySelector("[data-state]")?.textContent ?? "";
    const words = `${answer.status < 500 ? "refused" : "failed"}. ${ended}`;
    Object.assign(entry, { state: "refused", page, words });
  } else {
    const { said, more, onward } = JSON.parse(answer.text);
    const words = [said, ...more.map(([name, value]) => `${name}: ${value}.`)].join(" ");
    Object.assign(entry, { state: "sent", words, onward });
  }
  return true;
}

// The page that our server answers with when it refuses; null where something on the way there has answered.
function pageOf({ status, ours, text }) {
  if (ours || status < 400 || LATER.includes(status)) return null;
  const page = new DOMParser().parseFromString(text, "text/html");
  return page.querySelector("main#main") && page;
}

// Whether somebody has entered something that they have not sent.
const typing = () => document.querySelector("[data-kept][data-typed]") !== null;

// Go on to the page that the server names, or to what is to be corrected: unless that moved something under a hand.
function goOn() {
  const last = entries.at(-1);
  const others = entries.some((entry) => entry !== last && entry.state !== "sent");
  if (last !== undefined && last.state !== "waiting" && !last.late && !others && !typing()) {
    if (last.state === "sent") location.assign(last.onward);
    else correctNow(last);
    return;
  }
  for (const entry of entries) {
    if (entry.state === "waiting" || entry.stays) continue;
    entry.stays = true;
    // Somebody may press twice; and call for help once more, later.
    const again = () => idOf(entry.form) === entry.id && renew(entry.form);
    if (entry.state === "sent") setTimeout(again, entry.call ? SOON : 0);
  }
}

function correctNow(entry) {
  forget(entry);
  const main = entry.page.querySelector("main");
  const form = main.querySelector("form[data-kept]:not([action])");
  form?.setAttribute("action", entry.action);
  if (form) form.dataset.typed = "";
  document.title = entry.page.title;
  // Left and gone back to, the form has what was entered; the room stays the room.
  if (new URL(entry.action).pathname === location.pathname) {
    history.replaceState(history.state, "", entry.page.body.dataset.answered);
  }
  document.querySelector("main").replaceWith(main);
  main.querySelector("[autofocus]")?.focus();
  show();
}

function forget(entry) {
  entries.splice(entries.indexOf(entry), 1);
  entry.line?.remove();
}

const idOf = (form) => form.elements.command_id.value;

// A form that may be sent several times has another id once what was in it is kept, and is empty again. All others keep
// theirs: what is entered once is not sent twice.
function renew(form) {
  if (!form.matches("[data-again], [data-call]")) return;
  if (form.dataset.typed === undefined) form.reset();
  form.elements.command_id.value = crypto.randomUUID();
  form.dispatchEvent(new Event("renewed"));
}

// What is sent again under the same id. It was pressed twice, or it was refused and is corrected now.
function isKnown(form) {
  const known = entries.find((entry) => entry.id === idOf(form));
  if (known?.state === "refused") forget(known);
  if (known === undefined || known.state === "refused") return false;
  if (known.call && known.late) callInstead(known);
  if (form.dataset.typed !== undefined) say(told, "This is sent as it was entered first. Correct it afterwards.");
  return true;
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-kept]")) return;
  event.preventDefault();
  if (isKnown(form)) return;
  const fields = new URLSearchParams(new FormData(form));
  delete form.dataset.typed;
  const minute = fields.get("minute");
  const button = form.querySelector("button.send").textContent;
  const entry = {
    form,
    id: idOf(form),
    action: form.action,
    fields,
    person: fields.get("entered_by"),
    call: form.dataset.call,
    name: minute ? `${button}, minute ${minute}` : button,
    at: now(),
    state: "waiting",
    late: false,
  };
  entries.push(entry);
  if (entry.call) setTimeout(() => callInstead(entry), SOON);
  if (lost === null && !away) return sendAll();
  hold(entry);
  show();
  return ask();
});

document.addEventListener("input", (event) => {
  const form = event.target.closest?.("[data-kept]");
  if (form) form.dataset.typed = "";
});

// Without a connection a link leads to nothing, and the way back to this page, too.
document.addEventListener("click", (event) => {
  const followed = event.target.closest?.("a[href]");
  if (lost === null || !followed || followed.getAttribute("href").startsWith("#")) return;
  event.preventDefault();
  say(told, `There is no connection: "${followed.textContent}" cannot be opened now. Stay on this page.`);
});

addEventListener("beforeunload", (event) => {
  if (typing() || entries.some((entry) => entry.state !== "sent")) event.preventDefault();
});
addEventListener("offline", lose);
addEventListener("online", ask);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && ask());

let begun = Date.now();
setInterval(() => {
  showAge();
  warn();
  const busy = lost !== null || unsent().length > 0 || (isOver() && !away);
  if (Date.now() - begun < (busy ? AGAIN : EVERY) || !(asOf || busy)) return;
  begun = Date.now();
  ask();
}, 1000);
if (!navigator.onLine) lose();
