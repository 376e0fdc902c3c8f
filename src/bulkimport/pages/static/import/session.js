/** The token, which is in this object only: not in a cookie, in storage or in a URL. */

import { actions, field, h } from "./dom.js";

const ORIGINS = document.querySelector("meta[name=import-origins]").content.split(" ").filter(Boolean);
const PLATFORM = window.opener ?? (window.parent === window ? null : window.parent);
const dialog = document.getElementById("token");
const notice = document.getElementById("notice");

export class Session {
  #token;
  #waiting = [];

  constructor() {
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    addEventListener("message", (event) => this.#receive(event));
    tell("bulkimport:ready");
  }

  /** A token, once there is one. @param {string} [refused]  by the service @param {string} [reason] */
  token(refused, reason) {
    if (this.#token === refused) this.#token = null;
    return this.#token ?? new Promise((resolve) => {
      if (this.#waiting.push(resolve) > 1) return;
      this.#ask(refused, reason);
      tell("bulkimport:token-needed");
    });
  }

  /** Shows why a request is being repeated; "" once it is answered. */
  notice(text) {
    if (notice.textContent !== text) notice.textContent = text;
  }

  #receive({ source, origin, data }) {
    if (source === PLATFORM && ORIGINS.includes(origin) && data?.type === "bulkimport:token") this.#use(String(data.token));
  }

  #use(token) {
    this.#token = token.trim();
    dialog.close();
    for (const resolve of this.#waiting.splice(0)) resolve(this.#token);
  }

  #ask(refused, reason) {
    const input = h("input", { id: "access", type: "password", autocomplete: "off", required: true });
    const onsubmit = (event) => {
      event.preventDefault();
      this.#use(input.value);
    };
    dialog.replaceChildren(h("form", { onsubmit },
      h("h2", { id: "token-title" }, refused ? "Please sign in again" : "Sign in"),
      h("p", refused ? `Your access token is no longer accepted: ${reason} Paste a new one; nothing is lost.`
        : "Paste the access token that you were given for this page. It is forgotten when you close it."),
      field("Access token", input), actions(h("button.primary", "Continue"))));
    dialog.showModal();
  }
}

/** Only pages of origins that the service allows receive this, and only they are listened to. */
function tell(type) {
  if (PLATFORM) for (const origin of ORIGINS) PLATFORM.postMessage({ type }, origin);
}
