/**
 * What the page knows. It is in memory only, so that nothing of a file outlives the page.
 * @typedef {object} State
 * @property {File | null} file  a copy in memory
 * @property {object | null} preview  what the service would read of it
 * @property {Record<string, unknown>} options  of the upload
 * @property {object[]} jobs  the dry runs of this import, or the jobs that carry it out: the file's, then one for
 *   each time that failed rows were fixed. The rows that still fail are those of the last one
 * @property {Map<string, unknown>} edits  by job id: what was changed in its failed rows and not sent yet
 */

const empty = () => ({ file: null, preview: null, options: {}, jobs: [], edits: new Map() });

export class Store {
  /** @type {State} */
  state = empty();
  #keys = new Map();

  /** @param {Partial<State>} changes */
  set(changes) {
    this.state = { ...this.state, ...changes };
  }

  clear() {
    this.state = empty();
    this.forgetKeys();
  }

  /** The Idempotency-Key of an action, until the keys are forgotten. @param {string} action */
  key(action) {
    if (!this.#keys.has(action)) this.#keys.set(action, newKey());
    return this.#keys.get(action);
  }

  forgetKeys() {
    this.#keys.clear();
  }
}

/** A random key; `crypto.randomUUID` exists only where the page came by https. */
export const newKey = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("-");
