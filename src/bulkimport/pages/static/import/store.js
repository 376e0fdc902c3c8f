/**
 * What the page knows, in memory only: the file, its preview and upload options, and by job id changes of failed rows.
 * `jobs` are the dry runs of an import, or the jobs that carry it out: the file's, then one for each time that failed
 * rows were fixed. The rows that still fail are the last one's.
 */
export class Store {
  constructor() {
    this.clear();
  }

  clear() {
    this.state = { file: null, preview: null, options: {}, jobs: [], edits: new Map() };
    this.forgetKeys();
  }

  set(changes) {
    this.state = { ...this.state, ...changes };
  }

  /** The Idempotency-Key of an action, until the keys are forgotten. */
  key(action) {
    return this.keys[action] ??= newKey();
  }

  forgetKeys() {
    this.keys = {};
  }
}

/** A random key; crypto.randomUUID exists only for pages that came by https. */
export const newKey = () => crypto.getRandomValues(new Uint32Array(4)).join("-");
