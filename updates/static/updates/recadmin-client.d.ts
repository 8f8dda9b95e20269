/** A user after n interactions. */
export interface User {
  vector: Float32Array;
  /** A float32's value. */
  bias: number;
}

/** Items of n interactions. */
export interface Items {
  /** n of dim numbers each; zeros for an unknown item. */
  vectors: Float32Array[];
  /** n, each with the bias of all. */
  biases: ArrayLike<number>;
}

/**
 * One gradient step of the logistic loss an interaction, in order, items standing still. Inputs are not changed.
 * What it computes: docs/client.md, "The steps".
 */
export function userStep(
  vector: Float32Array,
  bias: number,
  items: Float32Array[],
  itemBiases: ArrayLike<number>,
  labels: ArrayLike<number>,
  weights: ArrayLike<number>,
  rate: number,
  l2: number,
): User;

/** The same by BPR, of pairs; the user's bias cancels out. */
export function userStepPairs(
  vector: Float32Array,
  preferred: Items,
  others: Items,
  weights: ArrayLike<number>,
  rate: number,
  l2: number,
): Float32Array;

export interface Options {
  /** Where recadmin is: "https://recadmin.example"; "" on the same origin. */
  url: string;
  slug: string;
  user: string;
  /** A token of the user from your back end; called at first use, and again after a 401. */
  token: () => Promise<string>;
  /** Clients of one browser with the same user and device share what is stored. */
  device?: string;
  /** For tests. */
  fetch?: typeof fetch;
  /** For tests: milliseconds since 1970. */
  now?: () => number;
}

export interface Interaction {
  item: string;
  label: 0 | 1;
  /** Above 0; 1 unless given. */
  weight?: number;
  /** The item that was passed over: what `loss` bpr learns from. */
  over?: string;
}

export interface StoredInteraction extends Interaction {
  id: string;
  /** RFC 3339, of the device's clock. */
  event_time: string;
  weight: number;
}

/** As the server says it (RFC 9457), or as this module does of rows rejected or too old. */
export interface Problem {
  title: string;
  detail?: string;
  type?: string;
  status?: number;
  errors?: { row?: number; field: string; error: string }[];
}

/** Of the recommender's `client` policy. */
export interface Policy {
  refresh_seconds: number;
  sends: "interactions" | "vector";
  privacy_note: string;
  offline_seconds: number;
  most_interactions: number;
}

export interface Scored<Item = string> {
  item: Item;
  /** A log-odds by the logistic loss; of no unit by BPR. */
  score: number;
}

/** How a sync ended: "refreshed" if the vector was fetched and nothing taken, "offline" if it is tried again later. */
export type Outcome =
  | "accepted"
  | "merged"
  | "space-moved"
  | "revision-moved"
  | "refused"
  | "refreshed"
  | "offline"
  | "closed";

export interface ClientEvents {
  /** The vector, or what is pending, may be another one. */
  change: CustomEvent<null>;
  /** An answer has become the base; `interactions` are its counts, if some were sent. */
  sync: CustomEvent<{
    outcome: Outcome;
    interactions?: { accepted: number; duplicate: number; rejected: { row: number; field: string; error: string }[] };
  }>;
  /** These will not be sent again, and are no longer in the vector. */
  refused: CustomEvent<{ problem: Problem; interactions: StoredInteraction[] }>;
  /** A request failed, for whatever reason; it is made again by itself. */
  offline: CustomEvent<{ error: unknown; retryInSeconds: number }>;
  /** Vectors are of another space now; items are fetched anew by themselves, which is told by `change`. */
  space: CustomEvent<{ spaceId: string; before: string }>;
}

export class RecadminClient extends EventTarget {
  private constructor();

  /**
   * A client with what is stored on this device; if that is nothing, after asking the server, or without a vector if
   * that cannot be reached. Rejects where the browser lets nothing be stored.
   */
  static open(options: Options): Promise<RecadminClient>;

  /** null until the server has been reached once. */
  readonly vector: Float32Array | null;
  readonly bias: number;
  readonly spaceId: string | null;
  readonly revision: number | null;
  readonly policy: Policy | null;
  /** How many interactions the server has not settled. */
  readonly pending: number;
  /** Since the server gave the vector that all is learned on. */
  readonly ageSeconds: number | null;

  /**
   * Learns at once: `vector`, `rank` and `recommend` know of it when this returns. The promise is of its id, when it
   * is stored. Rejects with RangeError what is no interaction.
   */
  interact(interaction: Interaction): Promise<string>;

  /** Fetches the vectors of items that are not there in the present version. Does not reject when offline. */
  see(items: Iterable<string>): Promise<void>;

  /** Best first, ties in the order given. Unknown items have the zero vector. */
  rank<Item extends string | number>(items: Iterable<Item>): Scored<Item>[];

  /** The best k of all items seen, without those interacted with on this device and those of `seen`. */
  recommend(k: number, options?: { seen?: string[] }): Scored[];

  /** Sends all that is queued, or asks for the present vector if nothing is. Does not reject when offline. */
  sync(): Promise<Outcome>;

  /** The newest 200 that were refused. */
  setAside(): Promise<(StoredInteraction & { problem: Problem })[]>;

  /** Stops; what is stored stays. */
  close(): void;

  /** Closes, in other tabs too, and deletes all that is stored on this device; the server keeps what it has. */
  forget(): Promise<void>;

  addEventListener<Name extends keyof ClientEvents>(
    name: Name,
    listener: (event: ClientEvents[Name]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    name: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
}
