/** The token, which is in this object only: not in a cookie, in storage or in a URL. */

import { element, field } from "./dom.js";

const ORIGINS = document.querySelector("meta[name=import-origins]").content.split(" ").filter(Boolean);
const PLATFORM = window.opener ?? (window.parent === window ? null : window.parent);

/** Asks for tokens, and shows whether the service can be reached. */
export class Session {
  /** @type {string | null} */
  #token = null;
  /** @type {((token: string) => void)[]} */
  #waiting = [];
  #dialog = document.getElementById("token");
  #notice = document.getElementById("notice");

  constructor() {
    this.#dialog.addEventListener("cancel", (event) => event.preventDefault());
    if (!PLATFORM) return;
    addEventListener("message", (event) => this.#receive(event));
    this.#tell("bulkimport:ready");
  }

  /**
   * Resolves to a token, once there is one.
   * @param {string} [refused]  a token that the service has refused
   * @param {string} [reason]  why it has
   * @returns {Promise<string>}
   */
  token(refused, reason) {
    if (this.#token === refused) this.#token = null;
    if (this.#token) return Promise.resolve(this.#token);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#waiting.length > 1) return;
      this.#tell("bulkimport:token-needed");
      this.#ask(refused, reason);
    });
  }

  /** Shows that the service cannot be reached, or with "" that it can. @param {string} text */
  notice(text) {
    if (this.#notice.textContent !== text) this.#notice.textContent = text;
  }

  /** Only pages of the origins that the service allows receive this, and only theirs are heard. */
  #tell(type) {
    if (PLATFORM) for (const origin of ORIGINS) PLATFORM.postMessage({ type }, origin);
  }

  #receive(event) {
    if (event.source !== PLATFORM || !ORIGINS.includes(event.origin)) return;
    if (event.data?.type === "bulkimport:token" && typeof event.data.token === "string") this.#use(event.data.token);
  }

  #use(token) {
    this.#token = token.trim();
    this.#dialog.close();
    for (const resolve of this.#waiting.splice(0)) resolve(this.#token);
  }

  #ask(refused, reason) {
    const input = element("input", { type: "password", autocomplete: "off", spellcheck: "false", required: true });
    const form = element("form", { onsubmit: (event) => this.#submit(event, input) },
      element("h2", { id: "token-title" }, refused ? "Please sign in again" : "Who are you?"),
      element("p", {}, refused
        ? "Your access token is not valid any more. Paste a new one; nothing that you have done is lost."
        : "Paste the access token that you were given with the link to this page."),
      reason && element("p", { class: "hint" }, reason),
      field("Access token", input, "It stays in this window and is forgotten when you close it."),
      element("div", { class: "actions" }, element("button", { class: "primary" }, "Continue")));
    this.#dialog.replaceChildren(form);
    if (!this.#dialog.open) this.#dialog.showModal();
    input.focus();
  }

  #submit(event, input) {
    event.preventDefault();
    if (input.value.trim()) this.#use(input.value);
  }
}
