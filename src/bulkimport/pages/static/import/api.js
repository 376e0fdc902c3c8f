/**
 * The API as the page calls it. A request is repeated until the service answers it: after a pause if it cannot be
 * reached or is busy, and with another token if it refuses this one.
 */

import { newKey } from "./store.js";

const ROOT = "/api/v1/assets/bulk";
const PAUSES_S = [1, 2, 4, 8, 15];
const AWAY = "The service cannot be reached. Trying again…";

/** An error response (RFC 9457). */
export class Problem extends Error {
  constructor(document) {
    super(document.detail || document.title);
    Object.assign(this, document);
  }
}

/** @typedef {{signal?: AbortSignal, key?: string}} Request  the step's signal, and the Idempotency-Key of a POST */

export class Api {
  #session;

  constructor(session) {
    this.#session = session;
  }

  /** What an upload would read. */
  preview(file, options, request) {
    return this.#post("/preview", { ...request, body: form(file, options) });
  }

  /** The new job. @param {Blob} file @param {object} options @param {Request} request */
  upload(file, options, request) {
    return this.#newJob("", { ...request, body: form(file, options) });
  }

  /** A job and its `etag`; with `wait`, after its next progress or that many seconds, and null without progress since `etag`. */
  async job(id, { wait, etag, signal } = {}) {
    const headers = wait ? { Prefer: `wait=${wait}`, "If-None-Match": etag } : {};
    const response = await this.#send(`/${id}`, { signal, headers });
    return response.status === 304 ? null : { ...await response.json(), etag: response.headers.get("ETag") };
  }

  /** A page of jobs. */
  jobs(query, request) {
    return this.#json(`?${new URLSearchParams(query)}`, request);
  }

  /** The row errors of a job, or the rows of a plan, a page at a time. @param {string} id @param {"errors" | "changes"} list @param {Request} request */
  async *pages(id, list, request) {
    for (let cursor = ""; cursor !== null;) {
      const page = await this.#json(`/${id}/${list}?limit=1000${cursor && `&cursor=${encodeURIComponent(cursor)}`}`, request);
      yield page[list];
      cursor = page.next_cursor;
    }
  }

  /** A Blob. @param {string} id @param {"csv" | "xlsx"} format @param {Request} request */
  async failedRows(id, format, request) {
    return (await this.#send(`/${id}/failed-rows.${format}`, request)).blob();
  }

  /** The new job, which does what a dry run has planned. */
  apply({ job_id: id, etag }, request) {
    return this.#newJob(`/${id}/apply`, { ...request, headers: { "If-Match": etag } });
  }

  cancel(id, request) {
    return this.#post(`/${id}/cancel`, request);
  }

  /** The new job, which undoes this one. */
  revert(id, request) {
    return this.#newJob(`/${id}/revert`, request);
  }

  async #newJob(path, request) {
    const { job_id: id } = await this.#post(path, { key: newKey(), ...request });
    return this.job(id, { signal: request.signal });
  }

  #post(path, request) {
    return this.#json(path, { ...request, method: "POST" });
  }

  async #json(path, request) {
    return (await this.#send(path, request)).json();
  }

  async #send(path, { key, signal, headers, ...request }) {
    const session = this.#session;
    let token = await until(signal, session.token());
    for (let attempt = 0; ; attempt += 1) {
      const all = { ...headers, Authorization: `Bearer ${token}`, ...(key && { "Idempotency-Key": key }) };
      const response = await fetch(ROOT + path, { ...request, signal, headers: all, cache: "no-store" }).catch(unlessAborted);
      const problem = response?.ok || response?.status === 304 ? null : await problemOf(response);
      const isTemporary = problem && (problem.status === 429 || problem.status > 500 || problem.code === "request-in-progress");
      session.notice(isTemporary ? problem.code ? problem.message : AWAY : "");
      if (!problem) return response;
      if (problem.status === 401) token = await until(signal, session.token(token, problem.message));
      else if (isTemporary) await pause(response?.headers.get("Retry-After") ?? PAUSES_S[Math.min(attempt, 4)], signal);
      else throw problem;
    }
  }
}

/** Objects become JSON; what is not set is left out. */
function form(file, options) {
  const parts = new FormData();
  for (const [name, value] of Object.entries(options)) {
    if (value != null && value !== "") parts.append(name, typeof value === "object" ? JSON.stringify(value) : value);
  }
  parts.append("file", file);
  return parts;
}

async function problemOf(response) {
  const document = await response?.json().catch(() => null);
  return new Problem({ title: "The request was refused", status: response?.status ?? 599, ...document });
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

/** @param {number} seconds @param {AbortSignal} signal */
export const pause = (seconds, signal) => until(signal, new Promise((resolve) => setTimeout(resolve, seconds * 1000)));
