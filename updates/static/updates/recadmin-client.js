// A user's vector on the user's device: it learns at once, and agrees with the server. See docs/client.md.

const MOST_STEP = 0.5; // of rate·weight at once: see updates/learners/factors/steps.py
const MOST_PARTS = 16;
const MOST_ITEMS = 500; // names in one request,
const LONGEST_QUERY = 3500; // whose line web servers take up to 4,094 characters of
const MOST_KEPT = 200; // settled or refused interactions
const LARGEST_KEEPALIVE = 60_000; // bytes; browsers take 64 KiB
const LONGEST_PAUSE = 300; // seconds
const FIRST_REFRESH = 10; // seconds, before the policy is known
const TIMEOUT_MS = 30_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1; // a longer one would end at once
const MOST_MOVES = 5; // answers in a row that settle nothing

const IN_ORDER = { keyPath: "key", autoIncrement: true };
const STORES = { base: {}, queue: IN_ORDER, kept: IN_ORDER, aside: IN_ORDER, items: { keyPath: "item" }, met: {} };

function dot(u, v) {
  let total = 0;
  for (let d = 0; d < u.length; d++) total += u[d] * v[d];
  return total;
}

/** In how many parts an interaction is learned, and the weight of each. */
function partsOf(weight, rate) {
  const count = Math.min(Math.max(Math.ceil((rate * weight) / MOST_STEP), 1), MOST_PARTS);
  return [count, Math.min(weight / count, MOST_STEP / rate)];
}

/** Moves `u` in place by a part of an interaction, and returns the slope of the loss before. */
function move(u, bias, v, offset, label, part, rate, l2) {
  const slope = (1 / (1 + Math.exp(-(dot(u, v) + bias + offset))) - label) * part;
  const pull = part * l2;
  for (let d = 0; d < u.length; d++) u[d] -= rate * (slope * v[d] + pull * u[d]);
  return slope;
}

/**
 * A user after interactions in their order, by the logistic loss: `user_step` of the server.
 * @param {Float32Array} vector @param {number} bias @param {Float32Array[]} items @param {ArrayLike<number>} itemBiases
 * @param {ArrayLike<number>} labels @param {ArrayLike<number>} weights @param {number} rate @param {number} l2
 */
export function userStep(vector, bias, items, itemBiases, labels, weights, rate, l2) {
  const u = Float32Array.from(vector);
  let b = Math.fround(bias);
  for (let n = 0; n < labels.length; n++) {
    const [count, part] = partsOf(weights[n], rate);
    for (let k = 0; k < count; k++) {
      const slope = move(u, b, items[n], itemBiases[n], labels[n], part, rate, l2);
      b = Math.fround(b - rate * (slope + part * l2 * b));
    }
  }
  return { vector: u, bias: b };
}

/**
 * A user's vector after pairs of items in their order, by BPR: `user_step_pairs` of the server.
 * @param {Float32Array} vector @param {{vectors: Float32Array[], biases: ArrayLike<number>}} preferred
 * @param {{vectors: Float32Array[], biases: ArrayLike<number>}} others
 * @param {ArrayLike<number>} weights @param {number} rate @param {number} l2
 */
export function userStepPairs(vector, preferred, others, weights, rate, l2) {
  const u = Float32Array.from(vector);
  for (let n = 0; n < weights.length; n++) {
    const difference = preferred.vectors[n].map((v, d) => v - others.vectors[n][d]);
    const offset = Math.fround(Math.fround(preferred.biases[n]) - Math.fround(others.biases[n]));
    const [count, part] = partsOf(weights[n], rate);
    for (let k = 0; k < count; k++) move(u, 0, difference, offset, 1, part, rate, l2);
  }
  return u;
}

/** An answer of the server other than success. */
class Refusal extends Error {
  constructor(response, problem) {
    super(problem.detail ?? problem.title ?? `The server answered ${response.status}.`);
    const after = response.headers.get("Retry-After");
    this.status = response.status;
    this.problem = problem;
    this.kind = String(problem.type).split("#")[1];
    this.retryAfter = Number(after) || Math.max((Date.parse(after) - Date.now()) / 1000, 0) || 0; // or a date
  }
}

/** What an IndexedDB request comes to. */
function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** What the server counts an interaction as that it does not see. */
const stepsOf = ({ weight }) => Math.max(Math.ceil(weight), 1);
const itemsOf = ({ item, over }) => (over === undefined ? [item] : [item, over]);

/** An interaction as it was before it was stored. */
const withoutKey = ({ key, ...row }) => row;

function append(store, rows) {
  for (const row of rows) store.add(withoutKey(row));
}

async function appendNewest(store, rows) {
  append(store, rows);
  for (const key of (await done(store.getAllKeys())).slice(0, -MOST_KEPT)) store.delete(key);
}

/** Version 4 UUID; `randomUUID` is there in secure contexts only. */
function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** Queries of at most MOST_ITEMS names each, with the names that they ask for. */
function* queries(names) {
  let part = [], query = "";
  for (const name of names) {
    const more = `&item=${encodeURIComponent(name)}`;
    if (part.length === MOST_ITEMS || (part.length && query.length + more.length > LONGEST_QUERY)) {
      yield [part, query.slice(1)];
      part = [];
      query = "";
    }
    part.push(name);
    query += more;
  }
  if (part.length) yield [part, query.slice(1)];
}

/**
 * One user of one recommender on this device. What is in force is derived: the base, a vector that the server gave, and
 * on it the queue, the interactions that the server has not settled. Events: change, sync, refused, offline, space.
 */
export class RecadminClient extends EventTarget {
  #options;
  #name;
  #db;
  #channel;
  #closing = new AbortController();
  #base = null;
  #queue = [];
  #unsaved = new Map(); // rows of the queue by id, until they are in the database
  #items = new Map();
  #met = new Set(); // names of items interacted with
  #user = { vector: null, bias: 0 };
  #token = null;
  #timer = 0;
  #failures = 0;
  #notBefore = 0;

  /** A client with what this device has stored; where that is nothing, after asking the server. */
  static async open({ url, slug, user, token, device = "", fetch = window.fetch.bind(window), now = Date.now }) {
    const client = new RecadminClient();
    const api = `${url.replace(/\/$/, "")}/api/v1/recommenders/${encodeURIComponent(slug)}`;
    client.#options = { api, embedding: `users/${encodeURIComponent(user)}/embedding`, token, fetch, now };
    client.#name = `recadmin ${JSON.stringify([url, slug, String(user), device])}`;
    await client.#start();
    return client;
  }

  get vector() { return this.#user.vector; }
  get bias() { return this.#user.bias; }
  get spaceId() { return this.#base?.space_id ?? null; }
  get revision() { return this.#base?.revision ?? null; }
  get policy() { return this.#base?.policy ?? null; }
  get pending() { return this.#queue.length; }
  get ageSeconds() { return this.#base && (this.#options.now() - this.#base.taken_at) / 1000; }

  /** Learns an interaction at once; resolves with its id when it is stored. */
  async interact({ item, label, weight = 1, over }) {
    if (![0, 1].includes(label) || !(weight > 0 && weight < Infinity)) {
      throw new RangeError("label must be 0 or 1, and weight above 0");
    }
    const row = { id: newId(), item: String(item), label, event_time: this.#time(), weight };
    if (over !== undefined) row.over = String(over);
    this.#queue.push(row);
    this.#unsaved.set(row.id, row);
    this.#met.add(row.item);
    if (this.#base) this.#user = this.#replay([row], this.#user);
    this.#emit("change");
    this.#schedule(this.policy?.refresh_seconds ?? FIRST_REFRESH);
    await this.#transaction("readwrite", async (store) => {
      store("met").put(true, row.item);
      row.key = await done(store("queue").add(row));
    });
    this.#unsaved.delete(row.id);
    this.#tell("queue");
    return row.id;
  }

  /** Fetches the vectors of items of which the present ones are not there; offline nothing changes. */
  async see(items) {
    const names = Array.from(items, String);
    try {
      if (await this.#fetchItems(names)) return;
      if ((await this.sync()) !== "offline") await this.#fetchItems(names); // they had moved to another space
    } catch (error) {
      this.#later(error);
    }
  }

  /** The items with their scores, best first; unknown ones are as good as an average one. */
  rank(items) {
    const { vector, bias } = this.#user;
    const scored = Array.from(items, (item) => {
      if (!vector) return { item, score: 0 };
      const known = this.#item(String(item));
      return { item, score: dot(vector, known.vector) + bias + known.bias };
    });
    return scored.sort((a, b) => b.score - a.score);
  }

  /** The best k of all items seen on this device, but those interacted with and those of `seen`. */
  recommend(k, { seen = [] } = {}) {
    const out = new Set([...this.#met, ...seen.map(String)]);
    const known = [...this.#items.values()].filter((row) => this.#usable(row) && !out.has(row.item));
    return this.rank(known.map((row) => row.item)).slice(0, k);
  }

  /** Sends what is queued, or asks for the present vector if nothing is; resolves with the outcome. */
  sync() { return this.#exclusively(() => this.#attempt(true)); }

  /** Interactions that will not be sent again, each with the `problem` that it met. */
  async setAside() {
    const rows = await this.#transaction("readonly", (store) => done(store("aside").getAll()));
    return rows.map(withoutKey);
  }

  close() {
    this.#closing.abort();
    clearTimeout(this.#timer);
    this.#channel.close();
    this.#db.close();
  }

  /** Closes, here and in other tabs, and deletes all that is stored on this device. */
  async forget() {
    this.close();
    await done(indexedDB.deleteDatabase(this.#name));
  }

  async #start() {
    const { signal } = this.#closing;
    const request = indexedDB.open(this.#name, 1);
    request.onupgradeneeded = () => {
      for (const [store, options] of Object.entries(STORES)) request.result.createObjectStore(store, options);
    };
    this.#db = await done(request);
    this.#db.onversionchange = () => this.close(); // forgotten by another tab
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }) => this.#reload(data === "items");
    await this.#reload(true);
    addEventListener("online", () => this.#tick(), { signal });
    document.addEventListener("visibilitychange", () => this.#hide(), { signal });
    if (this.#base) this.sync();
    else await this.#refresh().then(() => this.#tick(), (error) => this.#later(error));
  }

  // --- what is derived

  #usable(row) { return row?.vector && row.space_id === this.#base?.space_id; }

  #item(name) {
    const row = this.#items.get(name);
    if (this.#usable(row)) return row;
    return { vector: new Float32Array(this.#base.learning.dim), bias: this.#base.unknown_bias };
  }

  #replay(rows, from = this.#base) {
    const { loss, rate, l2 } = this.#base.learning;
    const learned = loss === "bpr" ? rows.filter(({ label, over }) => label === 1 && over !== undefined) : rows;
    const side = (field) => {
      const items = learned.map((row) => this.#item(row[field]));
      return { vectors: items.map(({ vector }) => vector), biases: items.map(({ bias }) => bias) };
    };
    const weights = learned.map(({ weight }) => weight);
    if (loss === "bpr") {
      return { vector: userStepPairs(from.vector, side("item"), side("over"), weights, rate, l2), bias: from.bias };
    }
    const { vectors, biases } = side("item");
    return userStep(from.vector, from.bias, vectors, biases, learned.map(({ label }) => label), weights, rate, l2);
  }

  #derive() {
    if (this.#base) this.#user = this.#replay(this.#queue);
    this.#emit("change");
  }

  // --- what is stored

  /** One transaction over all stores, and what `work` found in it. */
  async #transaction(mode, work) {
    const transaction = this.#db.transaction(Object.keys(STORES), mode);
    const ended = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error);
    });
    const [found] = await Promise.all([work((name) => transaction.objectStore(name)), ended]);
    return found;
  }

  async #reload(items = false) {
    const [base, queue, met, rows] = await this.#transaction("readonly", (store) => Promise.all([
      done(store("base").get(0)), done(store("queue").getAll()), done(store("met").getAllKeys()),
      items && done(store("items").getAll()),
    ]));
    const saved = new Set(queue.map(({ id }) => id));
    const before = this.spaceId;
    this.#base = base ?? null;
    this.#queue = [...queue, ...[...this.#unsaved.values()].filter(({ id }) => !saved.has(id))];
    this.#met = new Set([...met, ...this.#queue.map(({ item }) => item)]);
    if (rows) this.#items = new Map(rows.map((row) => [row.item, row]));
    this.#derive();
    if (before && before !== this.spaceId) this.#emit("space", { spaceId: this.spaceId, before });
  }

  /**
   * In one transaction: the answer as the new base, and what became of interactions. Of two tabs that sent from the
   * same base, the answer of the higher revision is the one that knows of both.
   */
  async #commit({ answer, from, settled = [], refused = [], problem }) {
    await this.#transaction("readwrite", async (store) => {
      const current = await done(store("base").get(0));
      const newer = answer && (!current || current.revision === from?.revision || answer.revision > current.revision);
      const base = newer ? this.#baseOf(answer, current) : current;
      store("base").put(base, 0);
      for (const { key } of [...settled, ...refused]) if (key) store("queue").delete(key);
      await appendNewest(store("aside"), refused.map((row) => ({ ...row, problem })));
      if (base.policy?.sends !== "vector") return store("kept").clear();
      await appendNewest(store("kept"), settled.filter((row) => !refused.includes(row)));
      if (current && current.space_id !== base.space_id) await this.#unsettle(store);
    });
    for (const { id } of [...settled, ...refused]) this.#unsaved.delete(id);
    await this.#reload();
    this.#tell("queue");
    if (refused.length) this.#emit("refused", { problem, interactions: refused.map(withoutKey) });
  }

  #baseOf({ vector, bias, space_id, revision, offset, version, learning, policy }, current) {
    return {
      vector: Float32Array.from(vector), bias, space_id, revision, offset, version, learning, policy,
      unknown_bias: current?.unknown_bias ?? 0, taken_at: this.#options.now(),
    };
  }

  /** Other tabs look again. */
  #tell(changed) {
    if (!this.#closing.signal.aborted) this.#channel.postMessage(changed);
  }

  /** The server has only vectors, of a space that is gone: what it settled is learned and sent again. */
  async #unsettle(store) {
    const rows = [...await done(store("kept").getAll()), ...await done(store("queue").getAll())];
    store("kept").clear();
    store("queue").clear();
    append(store("queue"), rows);
  }

  // --- what is asked and sent

  async #request(path, options = {}, again = true) {
    const { api, fetch, token } = this.#options;
    this.#token ??= await token();
    const headers = { Accept: "application/json", Authorization: `Client ${this.#token}` };
    if (options.body) headers["Content-Type"] = "application/json";
    const response = await fetch(`${api}/${path}`, { ...options, headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (response.status === 401) {
      this.#token = null;
      if (again) return this.#request(path, options, false);
    }
    if (response.ok) return response.json();
    throw new Refusal(response, await response.json().catch(() => ({})));
  }

  /** Whether the items are of the space of the user; nothing is kept of another one. */
  async #fetchItems(names) {
    if (!this.#base) return false;
    const behind = (row) => row?.space_id !== this.#base.space_id || row.version < this.#base.version;
    const wanted = [...new Set(names)].filter((name) => behind(this.#items.get(name)));
    for (const [part, query] of queries(wanted)) {
      const answer = await this.#request(`items/vectors?${query}`);
      if (answer.space_id !== this.#base.space_id) return false;
      await this.#keepItems(part, answer);
    }
    return true;
  }

  async #keepItems(names, { space_id, version, dim, items, biases, vectors, unknown_bias }) {
    const numbers = new Float32Array(Uint8Array.from(atob(vectors), (byte) => byte.charCodeAt(0)).buffer);
    const places = new Map(items.map((item, n) => [item, n]));
    const rows = names.map((item) => {
      const n = places.get(item);
      const vector = n === undefined ? null : numbers.slice(n * dim, (n + 1) * dim);
      return { item, space_id, version, vector, bias: biases[n] };
    });
    await this.#transaction("readwrite", async (store) => {
      for (const row of rows) store("items").put(row);
      store("base").put({ ...await done(store("base").get(0)), unknown_bias }, 0);
    });
    for (const row of rows) this.#items.set(row.item, row);
    this.#base.unknown_bias = unknown_bias;
    this.#derive();
    this.#tell("items");
  }

  /** Names of items whose vectors are of a space that is gone. */
  #lost() {
    return [...this.#items.values()].filter((row) => row.space_id !== this.spaceId).map((row) => row.item);
  }

  async #refresh() {
    const from = this.#base;
    await this.#commit({ answer: await this.#request(this.#options.embedding), from });
    this.#emit("sync", { outcome: "refreshed" });
    return "refreshed";
  }

  /** Sends until nothing is queued; the last outcome, or undefined. */
  async #send() {
    let outcome = this.#base ? undefined : await this.#refresh();
    for (let moves = 0; ;) {
      await this.#expire();
      const batch = this.#batch();
      await this.#fetchItems([...this.#lost(), ...batch.flatMap(itemsOf)]).catch((error) => {
        if (error.status !== 400) throw error; // of a name that is none: sending says which row
      });
      if (!batch.length) return outcome;
      outcome = await this.#put(batch);
      moves = this.#queue[0]?.id === batch[0].id ? moves + 1 : 0;
      if (moves > MOST_MOVES) throw new Error("The server's vector moved each time that this one was sent.");
    }
  }

  /** The server has forgotten which interactions so old it knows, and would learn them twice. */
  async #expire() {
    if (this.policy?.sends !== "interactions") return;
    const { offline_seconds } = this.policy;
    const oldest = this.#options.now() - 1000 * offline_seconds;
    const refused = this.#queue.filter((row) => Date.parse(row.event_time) < oldest);
    const problem = { title: "Too old", detail: `Interactions are sent within ${offline_seconds} s.` };
    if (refused.length) await this.#commit({ refused, problem });
  }

  /** What is to be sent next: the first of the queue; nothing where devices are to send nothing. */
  #batch() {
    if (!this.policy) return [];
    const { sends, most_interactions } = this.policy;
    let room = most_interactions;
    const end = this.#queue.findIndex((row) => (room -= sends === "vector" ? stepsOf(row) : 1) < 0);
    return this.#queue.slice(0, end < 0 ? undefined : Math.max(end, 1));
  }

  #body(batch) {
    const { space_id, revision, offset, policy } = this.#base;
    const { vector, bias } = this.#replay(batch);
    const behind = policy.sends === "vector"
      ? { steps: batch.reduce((steps, row) => steps + stepsOf(row), 0) }
      : { interactions: batch.map(withoutKey) };
    return JSON.stringify({ space_id, revision, offset, vector: [...vector], bias, sent_at: this.#time(), ...behind });
  }

  async #put(batch, keepalive = false) {
    const from = this.#base;
    const request = this.#request(this.#options.embedding, { method: "PUT", body: this.#body(batch), keepalive });
    const [outcome, change] = await request.then(
      (answer) => [answer.outcome, { answer, settled: this.#settled(answer, answer.outcome, batch, from) }],
      (refusal) => this.#afterRefusal(refusal, batch, from),
    );
    const errors = change.settled?.length ? change.answer.interactions?.rejected : [];
    if (errors?.length) {
      change.refused = errors.map(({ row }) => batch[row]);
      change.problem = { title: "Rejected", detail: `${errors[0].field}: ${errors[0].error}`, errors };
    }
    await this.#commit({ from, ...change });
    this.#emit("sync", { outcome, interactions: change.answer?.interactions });
    return outcome;
  }

  /** What an answer other than success means for the batch; throws what is to be tried again later. */
  async #afterRefusal(refusal, batch, from) {
    const { kind, problem, status } = refusal;
    const { present } = problem;
    if (present) return [kind, { answer: present, settled: this.#settled(present, kind, batch, from) }];
    if (status !== 400 && status !== 413) throw refusal;
    const rows = new Set(problem.errors?.map(({ row }) => row));
    const named = batch.filter((_, n) => rows.has(n));
    if (named.length) return ["refused", { refused: named, problem }];
    const answer = await this.#request(this.#options.embedding);
    const began = ({ policy, space_id, revision, version }) => JSON.stringify([policy, space_id, revision, version]);
    if (began(answer) !== began(from)) return ["refreshed", { answer }]; // to be tried again from what is there now
    return ["refused", { answer, refused: batch, problem }];
  }

  /** The interactions of the batch that are behind the vector of the answer. */
  #settled(answer, outcome, batch, from) {
    const { sends } = from.policy;
    if (answer.policy?.sends !== sends) return []; // the policy has changed: they were not looked at
    if (sends === "interactions" || outcome === "accepted") return batch;
    return batch.slice(0, this.#known(answer, batch));
  }

  /** How many of the batch the vector was taken with, where it is one of ours whose answer got lost. */
  #known(answer, batch) {
    if (answer.space_id !== this.spaceId) return 0;
    const near = (a, b) => Math.abs(a - b) < 1e-6;
    for (let n = batch.length; n > 0; n--) {
      const { vector, bias } = this.#replay(batch.slice(0, n));
      if (near(bias, answer.bias) && vector.every((u, d) => near(u, answer.vector[d]))) return n;
    }
    return 0;
  }

  // --- when

  /** One sender among the tabs; without secure context there may be several, and the server drops what comes twice. */
  #exclusively(work) { return navigator.locks ? navigator.locks.request(this.#name, work) : work(); }

  async #attempt(ask) {
    const wait = this.#notBefore - this.#options.now();
    if (this.#closing.signal.aborted) return "closed";
    if (wait > 0) {
      this.#schedule(wait / 1000);
      return "offline";
    }
    try {
      await this.#reload(); // another tab may have sent it all
      let outcome = await this.#send();
      if (!outcome && ask) {
        outcome = await this.#refresh();
        outcome = (await this.#send()) ?? outcome; // in a new space there may be something to send again
      }
      this.#failures = 0;
      return outcome;
    } catch (error) {
      return this.#later(error);
    }
  }

  #later(error) {
    if (this.#closing.signal.aborted) return "closed";
    const { retryAfter = 0 } = error;
    const pause = Math.min(2 ** this.#failures++, LONGEST_PAUSE) * (0.5 + Math.random() / 2);
    this.#notBefore = retryAfter && this.#options.now() + 1000 * retryAfter;
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#schedule(retryAfter + pause);
    this.#emit("offline", { error, retryInSeconds: retryAfter + pause });
    return "offline";
  }

  #schedule(seconds) {
    this.#timer ||= setTimeout(() => {
      this.#timer = 0;
      this.#tick();
    }, Math.min(1000 * seconds, LONGEST_TIMER_MS));
  }

  #tick() {
    if (!this.#base || this.pending) this.#exclusively(() => this.#attempt(false));
  }

  /** The page may never run again: what is learned is sent now, without waiting for locks or for items' vectors. */
  #hide() {
    if (document.visibilityState !== "hidden" || this.#options.now() < this.#notBefore) return;
    let batch = this.#batch();
    const end = batch.findIndex((row) => itemsOf(row).some((item) => this.#items.get(item)?.space_id !== this.spaceId));
    if (end >= 0) batch = batch.slice(0, end);
    const size = () => new Blob([this.#body(batch)]).size;
    while (batch.length && size() > LARGEST_KEEPALIVE) batch = batch.slice(0, batch.length / 2);
    if (batch.length) this.#put(batch, true).catch((error) => this.#later(error));
  }

  #time() { return new Date(this.#options.now()).toISOString(); }

  #emit(name, detail) { this.dispatchEvent(new CustomEvent(name, { detail })); }
}
