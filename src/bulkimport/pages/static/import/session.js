/** The token, which is in this object only: not in a cookie, in storage or in a URL. */

import { actions, element, field } from "./dom.js";

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
    this.#tell("bulkimport:ready");
  }

  /** A token, once there is one. @param {string} [refused]  by the service @param {string} [reason] */
  token(refused, reason) {
    if (this.#token === refused) this.#token = undefined;
    if (this.#token) return Promise.resolve(this.#token);
    return new Promise((resolve) => {
      if (this.#waiting.push(resolve) > 1) return;
      this.#ask(refused, reason);
      this.#tell("bulkimport:token-needed");
    });
  }

  /** Shows why a request is being repeated; "" once it is answered. @param {string} text */
  notice(text) {
    if (notice.textContent !== text) notice.textContent = text;
  }

  /** Only origins that the service allows receive this, and only they are listened to. */
  #tell(type) {
    if (PLATFORM) for (const origin of ORIGINS) PLATFORM.postMessage({ type }, origin);
  }

  #receive({ source, origin, data }) {
    if (source !== PLATFORM || !ORIGINS.includes(origin) || data?.type !== "bulkimport:token") return;
    this.#use(String(data.token));
  }

  #use(token) {
    this.#token = token.trim();
    dialog.close();
    for (const resolve of this.#waiting.splice(0)) resolve(this.#token);
  }

  #ask(refused, reason) {
    const input = element("input", { id: "access", type: "password", autocomplete: "off", required: true });
    const onsubmit = (event) => {
      event.preventDefault();
      this.#use(input.value);
    };
    dialog.replaceChildren(element("form", { onsubmit },
      element("h2", { id: "token-title" }, refused ? "Please sign in again" : "Sign in"),
      element("p", {}, refused ? "Your access token is no longer valid. Paste a new one; nothing is lost."
        : "Paste the access token that you were given for this page."),
      reason && element("p", { class: "hint" }, reason),
      field("Access token", input), element("p", { class: "hint" }, "It is forgotten when you close this page."),
      actions(element("button", { class: "primary" }, "Continue"))));
    dialog.showModal();
    input.focus();
  }
}
