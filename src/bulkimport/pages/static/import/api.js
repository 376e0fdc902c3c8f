/**
 * The API. A request is repeated until it is answered: after a pause if the service is busy or away, and with another
 * token if it refuses this one. A refusal is an Error with the problem's members.
 */

const ROOT = "/api/v1/assets/bulk";
const WAIT_S = 10;
const MAX_PAUSE_S = 15;
const AWAY = "The service cannot be reached. Trying again…";

export class Api {
  signal; // aborts the requests of the step that is shown
  #session;
  #keys = new WeakMap(); // the Idempotency-Keys of jobs that are applied or undone

  constructor(session) {
    this.#session = session;
  }

  /** What an upload would read. */
  preview(file, options) {
    return this.#post("/preview", { body: form(file, options) });
  }

  /** The new job. */
  upload(file, options) {
    return this.#newJob("", { body: form(file, options), key: newKey() });
  }

  /** A job and its `etag`; with an etag, after its next progress, or null if there is none for a while. */
  async job(id, etag) {
    const response = await this.#send(`/${id}`, { headers: etag && { Prefer: `wait=${WAIT_S}`, "If-None-Match": etag } });
    return response.status === 304 ? null : { ...await response.json(), etag: response.headers.get("ETag") };
  }

  /** A page of jobs. */
  jobs(query) {
    return this.#json(`?${new URLSearchParams(query)}`);
  }

  /** The row errors of a job, or the rows of a plan, by pages. @param {"errors" | "changes"} list */
  async *pages(id, list) {
    for (let cursor = ""; cursor !== null;) {
      const page = await this.#json(`/${id}/${list}?limit=1000${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
      yield page[list];
      cursor = page.next_cursor;
    }
  }

  /** A Blob. @param {"csv" | "xlsx"} format */
  async failedRows(id, format) {
    return (await this.#send(`/${id}/failed-rows.${format}`)).blob();
  }

  /** The job that does what a dry run has planned; called again, the same one. */
  apply(plan) {
    return this.#newJob(`/${plan.job_id}/apply`, { key: this.#keyOf(plan), headers: { "If-Match": plan.etag } });
  }

  cancel(id) {
    return this.#post(`/${id}/cancel`);
  }

  /** The job that undoes this one; called again, the same one. */
  revert(job) {
    return this.#newJob(`/${job.job_id}/revert`, { key: this.#keyOf(job) });
  }

  #keyOf(job) {
    if (!this.#keys.has(job)) this.#keys.set(job, newKey());
    return this.#keys.get(job);
  }

  async #newJob(path, request) {
    return this.job((await this.#post(path, request)).job_id);
  }

  #post(path, request) {
    return this.#json(path, { ...request, method: "POST" });
  }

  async #json(path, request) {
    return (await this.#send(path, request)).json();
  }

  async #send(path, { key, headers, ...request } = {}) {
    const { signal } = this;
    const session = this.#session;
    let token = await session.token();
    for (let attempt = 0; ; attempt += 1) {
      const response = await fetch(ROOT + path, {
        ...request, signal, cache: "no-store",
        headers: { ...headers, Authorization: `Bearer ${token}`, ...(key && { "Idempotency-Key": key }) },
      }).catch(unlessAborted);
      if (response?.ok || response?.status === 304) {
        session.notice("");
        return response;
      }
      const problem = await problemOf(response);
      const isTemporary = problem.status === 429 || problem.status > 500 || problem.code === "request-in-progress";
      session.notice(isTemporary ? problem.detail ?? AWAY : "");
      if (problem.status === 401) token = await session.token(token, problem.detail);
      else if (isTemporary) await pause(response?.headers.get("Retry-After") ?? Math.min(2 ** attempt, MAX_PAUSE_S));
      else throw problem;
    }
  }
}

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

/** A random key; crypto.randomUUID exists only for pages that came by https. */
const newKey = () => crypto.getRandomValues(new Uint32Array(4)).join("-");

export const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
