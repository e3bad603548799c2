import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { ChangeNotification, ChangeNotificationCollection } from "@microsoft/microsoft-graph-types";
import type { ExchangeClock } from "../exchange/clock.ts";

/** What an endpoint answered; status 0 when it did not. */
export interface PostAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  /** How long it took, in milliseconds. */
  readonly took: number;
}

/** Sends one POST; never rejects. */
export type Post = (url: string, body: string, contentType: string) => Promise<PostAnswer>;

const NO_ANSWER: PostAnswer = { status: 0, contentType: "", body: "", took: 0 };

/** By real sockets; `ca` is trusted for https. */
export const postBySocket =
  (ca?: string): Post =>
  (url, body, contentType) =>
    new Promise((resolve) => {
      const isTls = url.startsWith("https:");
      const options = { method: "POST", agent: false, headers: { "content-type": contentType } };
      const sent = (isTls ? httpsRequest : httpRequest)(url, { ...options, ...(isTls && { ca }) }, (response) => {
        let text = "";
        response.on("data", (part: Buffer) => {
          text += part.toString();
        });
        response.on("error", () => resolve(NO_ANSWER));
        response.on("end", () => {
          const { statusCode: status = 0, headers } = response;
          resolve({ status, contentType: headers["content-type"] ?? "", body: text, took: 0 });
        });
      });
      sent.on("error", () => resolve(NO_ANSWER));
      sent.end(body);
    });

const MOST_TOGETHER = 100;
const FIRST_RETRY = 10_000;
const LONGEST_RETRY = 30 * 60_000;
const GIVEN_UP_AFTER = 4 * 3_600_000; // "retried for up to 4 hours"
const SLOW = 3000; // "within 3 seconds"
const PENALTY_WINDOW = 10 * 60_000;
const PENALTY_SAMPLES = 20;
const DELAY_OF_SLOW = 10_000; // over 10 % slow answers
const DROP_TIME = 10 * 60_000; // over 15 % slow answers

interface Waiting {
  readonly notifications: ChangeNotification[];
  readonly since: number;
  readonly failures: number;
}

/** Delivers notifications to their URLs: several in a POST, with retries, and with penalties for slow endpoints. */
export class NotificationDelivery {
  /** POSTs that were answered with 2xx, that were not, and notifications that were never delivered. */
  readonly counts = { accepted: 0, refused: 0, dropped: 0 };
  readonly #clock: ExchangeClock;
  readonly #post: Post;
  readonly #delay: number;
  readonly #gathering = new Map<string, ChangeNotification[]>();
  readonly #answers = new Map<string, { readonly at: number; readonly isSlow: boolean }[]>();
  readonly #droppedUntil = new Map<string, number>();
  readonly #running = new Set<Promise<void>>();

  /** @param delay from a change to its POST, in milliseconds */
  constructor(clock: ExchangeClock, post: Post, delay = 0) {
    this.#clock = clock;
    this.#post = post;
    this.#delay = delay;
  }

  /** Adds one, which is sent with others of the same URL. */
  add(url: string, notification: ChangeNotification): void {
    const gathering = this.#gathering.get(url);
    if (gathering) {
      gathering.push(notification);
      return;
    }
    const first = [notification];
    this.#gathering.set(url, first);
    const delay = this.#isSlowed(url) ? DELAY_OF_SLOW : 0;
    this.#clock.setTimeout(() => {
      this.#gathering.delete(url);
      // What changes at one instant goes together; each is as late as the delay says.
      if (this.#delay > 0) this.#clock.setTimeout(() => this.#sendAll(url, first), this.#delay);
      else this.#sendAll(url, first);
    }, delay);
  }

  /** Resolves when no POST is under way. */
  async settle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #sendAll(url: string, all: ChangeNotification[]): void {
    const since = this.#clock.now();
    for (let start = 0; start < all.length; start += MOST_TOGETHER)
      this.#send(url, { notifications: all.slice(start, start + MOST_TOGETHER), since, failures: 0 });
  }

  #send(url: string, waiting: Waiting): void {
    if (this.#clock.now() < (this.#droppedUntil.get(url) ?? 0)) {
      this.counts.dropped += waiting.notifications.length;
      return;
    }
    const running = this.#attempt(url, waiting).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #attempt(url: string, { notifications, since, failures }: Waiting): Promise<void> {
    const collection: ChangeNotificationCollection = { value: notifications };
    const { status, took } = await this.#post(url, JSON.stringify(collection), "application/json");
    this.#judge(url, took);
    if (status >= 200 && status < 300) {
      this.counts.accepted += 1;
      return;
    }
    this.counts.refused += 1;
    const delay = Math.min(FIRST_RETRY * 2 ** failures, LONGEST_RETRY);
    if (this.#clock.now() + delay - since > GIVEN_UP_AFTER) this.counts.dropped += notifications.length;
    else this.#clock.setTimeout(() => this.#send(url, { notifications, since, failures: failures + 1 }), delay);
  }

  #judge(url: string, took: number): void {
    const answers = this.#recent(url);
    answers.push({ at: this.#clock.now(), isSlow: took > SLOW });
    this.#answers.set(url, answers);
    if (this.#slowShare(url) > 0.15) this.#droppedUntil.set(url, this.#clock.now() + DROP_TIME);
  }

  #recent(url: string): { readonly at: number; readonly isSlow: boolean }[] {
    return (this.#answers.get(url) ?? []).filter(({ at }) => at > this.#clock.now() - PENALTY_WINDOW);
  }

  #slowShare(url: string): number {
    const answers = this.#recent(url);
    return answers.length < PENALTY_SAMPLES ? 0 : answers.filter(({ isSlow }) => isSlow).length / answers.length;
  }

  #isSlowed(url: string): boolean {
    return this.#slowShare(url) > 0.1;
  }
}
