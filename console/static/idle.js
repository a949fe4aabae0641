// Puts a page away once whoever looked at it did nothing for so long that they are signed out: nobody reads it who comes by
// later. What somebody entered stays, and the rest is hidden.

const { idle, onward, entered } = document.body.dataset;
const ends = Date.now() + Number(idle) * 1000;
let typed = entered !== undefined;
let left = false;

function look() {
  if (left || Date.now() < ends) return;
  left = true;
  if (typed) document.querySelector("main").classList.add("away");
  else location.replace(onward);
}

document.addEventListener("input", ({ target }) => (typed ||= target.closest("form.entry") !== null));
addEventListener("pageshow", look);
setInterval(look, 1000);
