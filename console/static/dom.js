// What the scripts of a page make, and how they say something.

export function make(name, kind, properties = {}) {
  return Object.assign(document.createElement(name), { className: kind, ...properties });
}

export function link(words, address, properties = {}) {
  return make("a", "", { href: address, textContent: words, ...properties });
}

// A way to sign in that leaves this page, and what was entered on it, as it is.
export function signInLink(words) {
  return link(words, `/sign-in?next=${encodeURIComponent(location.pathname)}`, { target: "_blank" });
}

// Only what changes is put in: a status is read out whenever it is.
export function say(element, words, ...more) {
  if (element.dataset.said === words) return;
  element.dataset.said = words;
  element.replaceChildren(words, ...more);
}
