import { type Mailbox, parseMailbox } from "../../../src/core/addresses.ts";
import { groupBy } from "../../../src/lib/group-by.ts";
import { type GatewayError, toGatewayError } from "../../../src/ports/errors.ts";
import { HttpStatusError } from "../../shared-http/http-head.ts";
import type { EwsClient } from "../ews-client.ts";
import { ewsError, isEwsError } from "../ews-errors.ts";
import { type CandidateDeps, candidateEndpoints } from "./candidates.ts";
import { mayBeTold } from "./host-rule.ts";
import { endpointKey, type Place, type PlaceAnswer } from "./place.ts";
import { poxOperation } from "./pox-settings.ts";
import { MAX_USERS, userSettingsOperation } from "./soap-settings.ts";

/** What asking needs. */
export interface DiscoveryDeps extends CandidateDeps {
  /** The client of an endpoint; asked for allowed ones only. */
  readonly client: (url: URL) => EwsClient;
}

/** What was learnt; mailboxes of which the server knows no place are in neither. */
export interface Discovered {
  readonly places: ReadonlyMap<Mailbox, Place>;
  /** Why a whole domain, or an address that a server led to, could not be asked. */
  readonly failures: ReadonlyMap<Mailbox, GatewayError>;
}

interface Question {
  /** Whose place is wanted. */
  readonly of: Mailbox;
  /** The address to ask for: another one after a redirect. */
  readonly asked: Mailbox;
  /** Where to ask; undefined: where the address's domain has its Autodiscover. */
  readonly at: URL | undefined;
}

interface EndpointAnswer {
  readonly url: URL;
  readonly answers: readonly PlaceAnswer[];
}

interface Run {
  readonly places: Map<Mailbox, Place>;
  readonly failures: Map<Mailbox, GatewayError>;
  readonly signal: AbortSignal;
}

// MS-OXDISCO 3.1.5.4: at most 10 redirects; an organisation needs two or three.
const MOST_REDIRECTS = 5;

const domainOf = (mailbox: Mailbox): string => mailbox.slice(mailbox.lastIndexOf("@") + 1);

/** The text of an error without what the administrator should do: that would be said several times over. */
const brief = ({ message }: GatewayError): string => message.split(". ", 1)[0] ?? message;

/** Asks Autodiscover where mailboxes are. */
export class Discovery {
  readonly #deps: DiscoveryDeps;
  /** The endpoint that answered last, by domain. */
  readonly #endpoints = new Map<string, URL>();

  constructor(deps: DiscoveryDeps) {
    this.#deps = deps;
  }

  /** Asks for all, following redirects. Rejects with `ews-unauthorized` or `ews-throttled`: then nothing else was tried. */
  async discover(mailboxes: readonly Mailbox[], signal: AbortSignal): Promise<Discovered> {
    const run: Run = { places: new Map(), failures: new Map(), signal };
    let questions: readonly Question[] = mailboxes.map((of) => ({ of, asked: of, at: undefined }));
    for (let round = 0; round <= MOST_REDIRECTS && questions.length > 0; round++) {
      questions = await this.#askAll(questions, run);
    }
    for (const { of, asked } of questions) run.failures.set(of, failed(`${asked}: too many redirects`));
    return run;
  }

  async #askAll(questions: readonly Question[], run: Run): Promise<readonly Question[]> {
    const next: Question[] = [];
    for (const group of groupBy(questions, ({ at, asked }) => at?.href ?? domainOf(asked)).values()) {
      const [first, ...rest] = batches(group);
      // The first batch finds the endpoint; the others go there together, as many as the limiter allows.
      if (first) next.push(...(await this.#askBatch(first, run)));
      for (const more of await Promise.all(rest.map((batch) => this.#askBatch(batch, run)))) next.push(...more);
    }
    return next;
  }

  /** Records what a batch of one domain or endpoint brings; the questions that are left are those to ask elsewhere. */
  async #askBatch(batch: readonly Question[], run: Run): Promise<readonly Question[]> {
    const [first] = batch;
    if (!first) return [];
    const asked = batch.map((question) => question.asked);
    try {
      const answers = first.at
        ? (await this.#askUrl(first.at, asked, 0, run.signal)).answers
        : await this.#askDomain(domainOf(first.asked), asked, run.signal);
      return batch.flatMap((question, index) => take(question, answers[index], run));
    } catch (error) {
      if (mustStop(error, run.signal)) throw error;
      for (const { of } of batch) run.failures.set(of, toGatewayError(error));
      return [];
    }
  }

  async #askDomain(
    domain: string,
    mailboxes: readonly Mailbox[],
    signal: AbortSignal,
  ): Promise<readonly PlaceAnswer[]> {
    const problems: string[] = [];
    for await (const candidate of this.#candidates(domain, signal)) {
      try {
        const { url, answers } = await this.#askUrl(candidate, mailboxes, 0, signal);
        this.#endpoints.set(domain, url);
        return answers;
      } catch (error) {
        if (this.#endpoints.get(domain) === candidate) this.#endpoints.delete(domain);
        if (mustStop(error, signal)) throw error;
        problems.push(brief(toGatewayError(error)));
      }
    }
    throw failed(`no Autodiscover for ${domain} (${problems.join("; ")})`);
  }

  async *#candidates(domain: string, signal: AbortSignal): AsyncGenerator<URL, void> {
    const known = this.#endpoints.get(domain);
    if (known) yield known;
    const seen = new Set(known && [endpointKey(known)]);
    for await (const url of candidateEndpoints(domain, this.#deps, signal)) {
      if (!seen.has(endpointKey(url))) yield url;
      seen.add(endpointKey(url));
    }
  }

  /** Asks one endpoint, and where it redirects (by HTTP) if that is allowed; the answer says which one it was. */
  async #askUrl(
    url: URL,
    mailboxes: readonly Mailbox[],
    redirects: number,
    signal: AbortSignal,
  ): Promise<EndpointAnswer> {
    if (!mayBeTold(url, this.#deps.rule)) throw failed(`${url.host} may not be sent the password`);
    try {
      return await this.#askEither(url, mailboxes, signal);
    } catch (error) {
      const target = redirectTarget(error, url);
      if (!target || redirects >= MOST_REDIRECTS) throw error;
      return this.#askUrl(target, mailboxes, redirects + 1, signal);
    }
  }

  /** SOAP, or plain XML where the endpoint is one of that or knows no SOAP (Exchange 2007). */
  async #askEither(url: URL, mailboxes: readonly Mailbox[], signal: AbortSignal): Promise<EndpointAnswer> {
    if (/\.xml$/i.test(url.pathname)) return this.#askPox(url, mailboxes, signal);
    try {
      const answer = await this.#deps.client(url).call(userSettingsOperation(mailboxes, url), "watching", signal);
      return { url, answers: answer.content };
    } catch (error) {
      const isOther = isEwsError(error, "ews-wrong-url", "ews-not-xml", "ews-bad-answer", "ews-fault");
      if (!isOther || redirectTarget(error, url) || !/\.svc$/i.test(url.pathname)) throw error;
      return this.#askPox(new URL(url.pathname.replace(/svc$/i, "xml"), url), mailboxes, signal);
    }
  }

  async #askPox(url: URL, mailboxes: readonly Mailbox[], signal: AbortSignal): Promise<EndpointAnswer> {
    const client = this.#deps.client(url);
    const ask = (mailbox: Mailbox) => client.call(poxOperation(mailbox, url.host), "watching", signal);
    const answers = await Promise.all(mailboxes.map(ask));
    return { url, answers: answers.map(({ content }) => content) };
  }
}

const failed = (text: string): GatewayError => ewsError("ews-autodiscover-failed", text);

/** A refused password must not be tried at the next endpoint; a busy server is not to be asked in another way. */
const mustStop = (error: unknown, signal: AbortSignal): boolean =>
  signal.aborted || isEwsError(error, "ews-unauthorized", "ews-throttled", "ews-stopped");

/** Where an HTTP redirect leads; nobody has checked it. */
function redirectTarget(error: unknown, from: URL): URL | undefined {
  const cause = isEwsError(error, "ews-not-xml") ? error.cause : undefined;
  if (!(cause instanceof HttpStatusError) || cause.status < 300 || cause.status >= 400) return undefined;
  const { location } = cause;
  return location !== undefined && URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
}

function* batches(questions: readonly Question[]): Generator<readonly Question[], void> {
  for (let start = 0; start < questions.length; start += MAX_USERS) yield questions.slice(start, start + MAX_USERS);
}

function take(question: Question, answer: PlaceAnswer | undefined, run: Run): readonly Question[] {
  switch (answer?.kind) {
    case "place":
      run.places.set(question.of, answer.place);
      return [];
    case "redirect-address":
      return redirected(question, answer.address, run);
    case "redirect-url":
      if (URL.canParse(answer.url)) return [{ ...question, at: new URL(answer.url) }];
      run.failures.set(question.of, failed(`${question.asked}: redirected to what is no URL`));
      return [];
    case "unknown":
    case undefined:
      return [];
  }
}

function redirected(question: Question, address: string, run: Run): readonly Question[] {
  try {
    return [{ of: question.of, asked: parseMailbox(address), at: undefined }];
  } catch (error) {
    const text = `${question.asked}: redirected to what is no address`;
    run.failures.set(question.of, ewsError("ews-autodiscover-failed", text, { cause: error }));
    return [];
  }
}
