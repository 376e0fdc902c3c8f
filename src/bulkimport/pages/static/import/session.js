/** The token, which is kept in this object only: not in a cookie, in storage or in a URL. */

const ORIGINS = document.querySelector("meta[name=import-origins]").content.split(" ").filter(Boolean);

/** Asks for tokens, and shows whether the service can be reached. */
export class Session {
  async token(refused) { throw new Error("not built yet"); }
  notice(text) {}
}
