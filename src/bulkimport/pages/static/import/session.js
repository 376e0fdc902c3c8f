/** The token, which is only here: not in a cookie, in storage or in a URL. */

const ORIGINS = document.querySelector("meta[name=import-origins]").content.match(/\S+/g) ?? [];
const PLATFORM = window.opener ?? (window.parent === window ? null : window.parent);
const [dialog, reason, input, notice] = ["token", "token-reason", "access", "notice"].map((id) => document.getElementById(id));

export class Session {
  #token;
  #waiting = [];

  constructor() {
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#use(input.value);
    });
    addEventListener("message", (event) => this.#receive(event));
    tell("bulkimport:ready");
  }

  /** A token, once there is one. @param {string} [refused]  by the service @param {string} [why] */
  token(refused, why) {
    if (this.#token === refused) this.#token = null;
    return this.#token ?? new Promise((resolve) => {
      if (this.#waiting.push(resolve) > 1) return;
      if (refused) reason.textContent = `Your access token is no longer accepted: ${why} Paste a new one; nothing is lost.`;
      dialog.showModal();
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
    input.value = "";
    this.#token = token.trim();
    dialog.close();
    for (const resolve of this.#waiting.splice(0)) resolve(this.#token);
  }
}

/** Only allowed origins receive this. */
function tell(type) {
  if (PLATFORM) for (const origin of ORIGINS) PLATFORM.postMessage({ type }, origin);
}
