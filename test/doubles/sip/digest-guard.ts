import { createHash } from "node:crypto";
import { headerOf, type SipText } from "./sip-text.ts";

/** How the double wants requests to be logged in. */
export interface DigestDemand {
  readonly user: string;
  readonly secret: string;
  /** One challenge each, in this order; default MD5 with qop auth. */
  readonly challenges?: readonly { readonly algorithm: "MD5" | "SHA-256"; readonly qop: "auth" | "auth-int" }[];
  /** A nonce is stale after so many requests. */
  readonly usesOfNonce?: number;
}

const REALM = "example.com";

/** Checks the logins of requests; knows the nonces that it gave, and refuses counts that do not rise. */
export class DigestGuard {
  readonly #demand: DigestDemand;
  readonly #counts = new Map<string, number>();
  /** How often it has challenged. */
  challenges = 0;

  constructor(demand: DigestDemand) {
    this.#demand = demand;
  }

  /** The headers of a 401, or undefined when the request is logged in. */
  check(request: SipText): readonly (readonly [string, string])[] | undefined {
    const answer = headerOf(request, "Authorization");
    const nonce = answer === undefined ? undefined : fieldOf(answer, "nonce");
    const used = nonce === undefined ? undefined : this.#counts.get(nonce);
    if (answer === undefined || nonce === undefined || used === undefined) return this.#challenge(false);
    const count = Number.parseInt(fieldOf(answer, "nc") ?? "", 16);
    if (used >= (this.#demand.usesOfNonce ?? Number.POSITIVE_INFINITY)) return this.#challenge(true);
    if (!(count > used) || !this.#isRight(answer, request)) return this.#challenge(false);
    this.#counts.set(nonce, count);
    return undefined;
  }

  #challenge(isStale: boolean): readonly (readonly [string, string])[] {
    const nonce = `nonce-${++this.challenges}`;
    this.#counts.set(nonce, 0);
    const { challenges = [{ algorithm: "MD5", qop: "auth" }] } = this.#demand;
    return challenges.map(({ algorithm, qop }) => [
      "WWW-Authenticate",
      `Digest realm="${REALM}", nonce="${nonce}", algorithm=${algorithm}, qop="${qop}"${isStale ? ", stale=true" : ""}`,
    ]);
  }

  #isRight(answer: string, request: SipText): boolean {
    const { user, secret } = this.#demand;
    const [method = "", uri = ""] = request.start.split(" ");
    const name = fieldOf(answer, "algorithm") === "SHA-256" ? "sha256" : "md5";
    const hash = (text: string): string => createHash(name).update(text).digest("hex");
    const field = (wanted: string): string => fieldOf(answer, wanted) ?? "";
    const body = field("qop") === "auth-int" ? `:${hash(request.body)}` : "";
    const offered = this.#demand.challenges?.map(({ qop }) => qop as string) ?? ["auth"];
    const parts = [
      hash(`${user}:${REALM}:${secret}`),
      field("nonce"),
      field("nc"),
      field("cnonce"),
      field("qop"),
      hash(`${method}:${uri}${body}`),
    ];
    return offered.includes(field("qop")) && field("uri") === uri && field("response") === hash(parts.join(":"));
  }
}

const fieldOf = (answer: string, name: string): string | undefined => {
  const match = new RegExp(`[ ,]${name}=(?:"([^"]*)"|([^\\s",]+))`).exec(answer);
  return match?.[1] ?? match?.[2];
};
