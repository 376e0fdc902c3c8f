/**
 * The API as the page calls it. A request is repeated until the service answers it: after a pause if it cannot be
 * reached or is busy, and with another token if it refuses this one. A refusal is thrown as an Error with the members
 * of the problem document.
 */

import { newKey } from "./store.js";

const ROOT = "/api/v1/assets/bulk";
const PAUSES_S = [1, 2, 4, 8, 15];
const AWAY = "The service cannot be reached. Trying again…";

/** @typedef {{signal?: AbortSignal, key?: string}} Request  the step's signal, and the Idempotency-Key of a POST */

export class Api {
  #session;

  constructor(session) {
    this.#session = session;
  }

  /** What an upload would read. @param {Blob} file @param {object} options @param {Request} request */
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

  /** A page of jobs. @param {object} query @param {Request} request */
  jobs(query, request) {
    return this.#json(`?${new URLSearchParams(query)}`, request);
  }

  /** The row errors of a job, or the rows of a plan, a page at a time. @param {"errors" | "changes"} list */
  async *pages(id, list, request) {
    for (let cursor = ""; cursor !== null;) {
      const page = await this.#json(`/${id}/${list}?limit=1000${cursor && `&cursor=${encodeURIComponent(cursor)}`}`, request);
      yield page[list];
      cursor = page.next_cursor;
    }
  }

  /** A Blob. @param {"csv" | "xlsx"} format */
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

  async #send(path, { key, headers, ...request }) {
    const session = this.#session;
    let token = await session.token();
    for (let attempt = 0; ; attempt += 1) {
      const all = { ...headers, Authorization: `Bearer ${token}`, ...(key && { "Idempotency-Key": key }) };
      const response = await fetch(ROOT + path, { ...request, headers: all, cache: "no-store" }).catch(unlessAborted);
      const problem = response?.ok || response?.status === 304 ? null : await problemOf(response);
      const isTemporary = problem && (problem.status === 429 || problem.status > 500 || problem.code === "request-in-progress");
      session.notice(isTemporary ? problem.detail ?? AWAY : "");
      if (!problem) return response;
      if (problem.status === 401) token = await session.token(token, problem.detail);
      else if (isTemporary) await pause(response?.headers.get("Retry-After") ?? PAUSES_S[Math.min(attempt, 4)]);
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
  return Object.assign(new Error(document?.detail), { title: "The request was refused", status: response?.status ?? 599 }, document);
}

function unlessAborted(error) {
  if (error.name === "AbortError") throw error;
}

export const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
