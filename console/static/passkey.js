// Asks the browser for a passkey when a form is sent that needs one. The server says what to ask when the form is sent to
// it once with `Accept: application/json`; the answer goes into hidden controls, and the form is sent as usual. If the
// server asks for nothing, the form is sent as it is, and the page that comes says why.
// Whoever signs in also says in which time zone their browser is, so that times are theirs.
"use strict";

const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");

async function answerTo({ get, create }) {
  if (create) {
    const user = { ...create.user, id: bytes(create.user.id) };
    const made = await navigator.credentials.create({
      publicKey: { ...create, challenge: bytes(create.challenge), user },
    });
    return {
      "passkey.credential_id": hex(made.rawId),
      "passkey.client_data": hex(made.response.clientDataJSON),
      "passkey.attestation": hex(made.response.attestationObject),
    };
  }
  const allowCredentials = get.allowCredentials.map((each) => ({ ...each, id: bytes(each.id) }));
  const { response } = await navigator.credentials.get({
    publicKey: { ...get, challenge: bytes(get.challenge), allowCredentials },
  });
  return {
    "passkey.client_data": hex(response.clientDataJSON),
    "passkey.authenticator_data": hex(response.authenticatorData),
    "passkey.value": hex(response.signature),
  };
}

function fill(form, fields) {
  for (const [name, value] of Object.entries(fields)) {
    const control = form.appendChild(document.createElement("input"));
    Object.assign(control, { type: "hidden", name, value });
    control.dataset.answer = "";
  }
}

async function send(form, told) {
  form.querySelectorAll("[data-answer]").forEach((control) => control.remove()); // of a page that was gone back to
  const asked = await fetch(form.action, {
    method: "POST",
    headers: { accept: "application/json" },
    body: new URLSearchParams(new FormData(form)),
  });
  if ((asked.headers.get("content-type") ?? "").startsWith("application/json")) {
    const question = await asked.json();
    try {
      fill(form, { ...question.fields, ...(await answerTo(question)) });
    } catch (problem) {
      told.textContent =
        problem.name === "SecurityError"
          ? "Passkeys do not work at this address. Nothing was sent. Open the console at its own address."
          : "Nothing was sent: no passkey of yours was used here. Have it at hand, and try again.";
      return;
    }
  }
  form.submit();
}

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
for (const control of document.querySelectorAll("input[name=browser_zone]")) control.value = zone;
for (const way of document.querySelectorAll("a[href^='/sign-in/openid']")) {
  const address = new URL(way.href);
  address.searchParams.set("browser_zone", zone);
  way.href = address;
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const told = form.querySelector("[data-passkey-told]");
  let sending = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (sending) return;
    sending = true;
    told.textContent = "";
    send(form, told)
      .catch(() => {
        told.textContent = "The server cannot be reached. Nothing was sent, and nothing is lost: try again.";
      })
      .finally(() => {
        sending = false;
      });
  });
}
