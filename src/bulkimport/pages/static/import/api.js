/**
 * The API as the page calls it. A request is repeated until the service answers it: after a pause if it cannot be
 * reached or is busy, and with another token if it refuses this one.
 */

import { newKey } from "./store.js";

const ROOT = "/api/v1/assets/bulk";
const PAUSES_S = [1, 2, 4, 8, 15];
const AGAIN = [429, 502, 503, 504];
const AWAY = "The service cannot be reached. Trying again…";

/** An error response (RFC 9457): `status`, `code`, `title`, `detail` and `errors`. */
export class Problem extends Error {
  constructor(document) {
    super(document.detail || document.title);
    Object.assign(this, { errors: [] }, document);
  }
}

/**
 * @typedef {object} Request
 * @property {AbortSignal} [signal]  of the step that asks
 * @property {string} [key]  Idempotency-Key, so that a repeated request is not a second import
 */
export class Api {
  #session;

  /** @param {import("./session.js").Session} session  gives tokens, and shows why a request is repeated */
  constructor(session) {
    this.#session = session;
  }

  /** What an upload with these options would read; nothing is stored. @param {File} file @param {object} options @param {Request} [request] */
  preview(file, options, request) {
    return this.#json("/preview", { ...request, method: "POST", body: form(file, options) });
  }

  /** Uploads a file and returns its job. @param {Blob} file @param {object} options @param {Request} [request] */
  upload(file, options, request) {
    return this.#newJob("", { ...request, body: form(file, options) });
  }

  /**
   * The job and its `etag`; with `wait`, after its next progress or that many seconds; null if it still is as of `etag`.
   * @param {string} id @param {{wait?: number, etag?: string} & Request} [request] @returns {Promise<object | null>}
   */
  async job(id, { wait, etag, signal } = {}) {
    const headers = wait ? { Prefer: `wait=${wait}`, "If-None-Match": etag } : {};
    const response = await this.#send(`/${id}`, { signal, headers });
    return response.status === 304 ? null : { ...await response.json(), etag: response.headers.get("ETag") };
  }

  /** A page of the account's jobs. @param {Record<string, string>} query @param {Request} [request] */
  jobs(query, request) {
    return this.#json(`?${new URLSearchParams(query)}`, request);
  }

  /** All row errors of a job, or all rows of a plan, a page at a time. @param {string} id @param {"errors" | "changes"} list @param {Request} [request] */
  async *pages(id, list, request) {
    for (let cursor = ""; cursor !== null;) {
      const page = await this.#json(`/${id}/${list}?limit=1000${cursor && `&cursor=${encodeURIComponent(cursor)}`}`, request);
      yield page[list];
      cursor = page.next_cursor;
    }
  }

  /** The failed rows as a file. @param {string} id @param {"csv" | "xlsx"} format @param {Request} [request] @returns {Promise<Blob>} */
  async failedRows(id, format, request) {
    return (await this.#send(`/${id}/failed-rows.${format}`, request)).blob();
  }

  /** Does what a dry run has planned. @param {{job_id: string, etag: string}} plan @param {Request} request @returns {Promise<object>} the new job */
  apply(plan, request) {
    return this.#newJob(`/${plan.job_id}/apply`, { ...request, headers: { "If-Match": plan.etag } });
  }

  /** @param {string} id @param {Request} [request] */
  cancel(id, request) {
    return this.#json(`/${id}/cancel`, { ...request, method: "POST" });
  }

  /** @param {string} id @param {Request} request @returns {Promise<object>} the new job, which undoes this one */
  revert(id, request) {
    return this.#newJob(`/${id}/revert`, request);
  }

  async #newJob(path, request) {
    const { job_id: id } = await this.#json(path, { key: newKey(), ...request, method: "POST" });
    return this.job(id, { signal: request.signal });
  }

  async #json(path, request) {
    return (await this.#send(path, request)).json();
  }

  async #send(path, { key, signal, headers, ...request } = {}) {
    const session = this.#session;
    let token = await until(signal, session.token());
    for (let attempt = 0; ; attempt += 1) {
      const all = { ...headers, Authorization: `Bearer ${token}`, ...(key && { "Idempotency-Key": key }) };
      const response = await fetch(ROOT + path, { ...request, signal, headers: all, cache: "no-store" }).catch(unlessAborted);
      if (response?.ok || response?.status === 304) {
        session.notice("");
        return response;
      }
      const problem = response && await problemOf(response);
      if (problem?.status === 401) {
        token = await until(signal, session.token(token, problem.message));
      } else if (!problem || AGAIN.includes(problem.status) || problem.code === "request-in-progress") {
        session.notice(problem?.code && problem.status !== 502 ? problem.message : AWAY);
        await pause(response?.headers.get("Retry-After") || PAUSES_S[Math.min(attempt, 4)], signal);
      } else {
        session.notice("");
        throw problem;
      }
    }
  }
}

/** An upload as a form: objects become JSON, and what is not set is left out. */
function form(file, options) {
  const parts = new FormData();
  for (const [name, value] of Object.entries(options)) {
    if (value != null && value !== "") parts.append(name, typeof value === "object" ? JSON.stringify(value) : value);
  }
  parts.append("file", file);
  return parts;
}

async function problemOf(response) {
  const document = await response.json().catch(() => null);
  return new Problem({ title: "The request was refused", ...document, status: response.status });
}

function unlessAborted(error) {
  if (error.name === "AbortError") throw error;
}

/** The promise, but rejected when the signal is aborted. */
function until(signal, promise) {
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason));
    promise.then(resolve, reject);
  });
}

/** Waits; rejected when the signal is aborted. @param {number | string} seconds @param {AbortSignal} [signal] */
export const pause = (seconds, signal) => until(signal, new Promise((resolve) => setTimeout(resolve, seconds * 1000)));
