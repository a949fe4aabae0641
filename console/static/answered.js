// Gives a page that answers a form an address, so that going back to it, or loading it again, sends nothing.

const { answered } = document.body.dataset;
if (answered) history.replaceState(history.state, "", answered);
