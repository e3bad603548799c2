import { randomBytes, X509Certificate } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import {
  deriveKeyV2,
  hmacMd5,
  respondV1,
  respondV1Extended,
} from "../../../plugins/shared-microsoft/ntlm/responses.ts";
import { type AuthenticationResult, type Authenticator, basicAuthenticator, namesOf } from "./authentication.ts";
import {
  type AuthenticateContent,
  type Blob,
  channelBindingHex,
  decodeAuthenticate,
  decodeBlob,
  encodeChallenge,
} from "./ntlm-message.ts";
import type { Account } from "./site.ts";

/** How the server's logins are set up. */
export interface NtlmOptions {
  readonly accounts: readonly Account[];
  readonly now: () => number;
  /** PEM of the server's certificate: logins must be bound to it (Extended Protection "Require"). */
  readonly certificate?: string;
  /** WWW-Authenticate of a 401; default Negotiate and NTLM. */
  readonly schemes?: readonly string[];
  /** NegotiateFlags that the client must have ("minimum session security"). */
  readonly requiredFlags?: number;
  /** Takes NTLMv1 too. */
  readonly allowsVersion1?: boolean;
  /** False leaves the time out of the challenge, as Windows before Vista did. */
  readonly tellsTime?: boolean;
}

/** Where a faulty server closes the connection in the middle of a login. */
export type Interruption = "at-negotiate" | "after-challenge" | "at-authenticate";

interface Challenged {
  readonly negotiate: Buffer;
  readonly challenge: Buffer;
  readonly serverChallenge: Buffer;
}

const LONGEST_SKEW = 300_000;
const EXTENDED_SECURITY = 0x80000;

/** NTLM over HTTP as IIS does it: a login belongs to its TCP connection. Verifies all that a client can get wrong. */
export class NtlmAuthenticator implements Authenticator {
  /** Milliseconds that the server's clock is ahead of the true time. */
  skew = 0;
  /** False: each request needs a login (authPersistSingleRequest). */
  isPersistent = true;
  /** Logins that were accepted. */
  accepted = 0;
  /** Why logins were refused, in order. */
  readonly refused: string[] = [];
  /** Bodies of requests that were answered 401. */
  wastedBodies = 0;
  readonly #options: NtlmOptions;
  readonly #challenged = new WeakMap<Socket, Challenged>();
  readonly #interruptions: Interruption[] = [];
  #loggedIn = new WeakMap<Socket, Account>();

  constructor(options: NtlmOptions) {
    this.#options = options;
  }

  /** Forgets all logins, so that live connections are asked again. */
  forgetLogins(): void {
    this.#loggedIn = new WeakMap();
  }

  /** The next login is cut off there. */
  interrupt(...where: readonly Interruption[]): void {
    this.#interruptions.push(...where);
  }

  authenticate(request: IncomingMessage): AuthenticationResult {
    const result = this.#authenticate(request);
    if ("challenges" in result && request.headers["content-length"] !== "0") this.wastedBodies += 1;
    return result;
  }

  #authenticate(request: IncomingMessage): AuthenticationResult {
    const { socket, headers } = request;
    const [scheme = "", token = ""] = (headers.authorization ?? "").split(" ");
    const account = this.#loggedIn.get(socket);
    if (scheme === "" && account) return { account };
    if (scheme === "" || !this.#offers(scheme)) return { challenges: this.#schemes };
    if (/^basic$/i.test(scheme)) {
      const result = basicAuthenticator(this.#options.accounts).authenticate(request);
      return "account" in result ? result : this.#refuse("wrong password");
    }
    this.#loggedIn.delete(socket);
    const message = Buffer.from(token, "base64");
    return message[8] === 1 ? this.#challenge(socket, message, scheme) : this.#verify(request, message);
  }

  get #schemes(): readonly string[] {
    return this.#options.schemes ?? ["Negotiate", "NTLM"];
  }

  #offers(scheme: string): boolean {
    return this.#schemes
      .join()
      .toLowerCase()
      .split(/[\s,]+/)
      .includes(scheme.toLowerCase());
  }

  #now(): number {
    return this.#options.now() + this.skew;
  }

  #isInterrupted(where: Interruption): boolean {
    if (this.#interruptions[0] !== where) return false;
    this.#interruptions.shift();
    return true;
  }

  #challenge(socket: Socket, negotiate: Buffer, scheme: string): AuthenticationResult {
    if (this.#isInterrupted("at-negotiate")) socket.destroy();
    const serverChallenge = randomBytes(8);
    const time = this.#options.tellsTime === false ? undefined : this.#now();
    const challenge = encodeChallenge({ serverChallenge, flags: negotiate.readUInt32LE(12), time });
    this.#challenged.set(socket, { negotiate, challenge, serverChallenge });
    const isLast = this.#isInterrupted("after-challenge");
    return {
      challenges: [`${scheme} ${challenge.toString("base64")}`],
      ...(isLast && { headers: { connection: "close" } }),
    };
  }

  #verify(request: IncomingMessage, message: Buffer): AuthenticationResult {
    const { socket } = request;
    if (this.#isInterrupted("at-authenticate")) socket.destroy();
    const challenged = this.#challenged.get(socket);
    this.#challenged.delete(socket);
    if (!challenged) return this.#refuse("no challenge on this connection");
    const content = decodeAuthenticate(message);
    const name = content.domain === "" ? content.user : `${content.domain}\\${content.user}`;
    const account = this.#options.accounts.find((each) => namesOf(each).includes(name.toLowerCase()));
    if (!account) return this.#refuse(`no account ${name}`);
    const problem = this.#problemOf(content, challenged, account, request);
    if (problem !== undefined) return this.#refuse(problem);
    this.accepted += 1;
    if (!this.isPersistent) return { account, headers: { "Persistent-Auth": "false" } };
    this.#loggedIn.set(socket, account);
    return { account };
  }

  #refuse(reason: string): AuthenticationResult {
    this.refused.push(reason);
    return { challenges: this.#schemes, headers: { date: new Date(this.#now()).toUTCString() } };
  }

  #problemOf(
    content: AuthenticateContent,
    challenged: Challenged,
    account: Account,
    request: IncomingMessage,
  ): string | undefined {
    const required = this.#options.requiredFlags ?? 0;
    if ((content.flags & required) !== required) return "minimum session security";
    if (content.workstation !== "") return "a workstation is named";
    if (content.nt.length === 24) return this.#problemOfVersion1(content, challenged, account);
    const key = deriveKeyV2(account.password, content.user, content.domain);
    const proof = content.nt.subarray(0, 16);
    const blob = decodeBlob(content.nt);
    if (!hmacMd5(key, challenged.serverChallenge, blob.bytes).equals(proof)) return "wrong password";
    return this.#problemOfBlob(blob, request) ?? this.#problemOfMic(content, blob, challenged, hmacMd5(key, proof));
  }

  #problemOfVersion1(content: AuthenticateContent, { serverChallenge }: Challenged, account: Account) {
    if (!this.#options.allowsVersion1) return "NTLMv1";
    const expected =
      content.flags & EXTENDED_SECURITY
        ? respondV1Extended(account.password, serverChallenge, content.lm.subarray(0, 8))
        : respondV1(account.password, serverChallenge);
    return expected.nt.equals(content.nt) ? undefined : "wrong password";
  }

  #problemOfBlob(blob: Blob, { headers }: IncomingMessage): string | undefined {
    const { certificate } = this.#options;
    if (Math.abs(blob.time - this.#now()) > LONGEST_SKEW) return "clock skew";
    if (blob.target !== `HTTP/${(headers.host ?? "").replace(/:\d+$/, "")}`) return `target ${blob.target}`;
    const expected = channelBindingHex(certificate === undefined ? undefined : new X509Certificate(certificate).raw);
    return certificate !== undefined && blob.channelBinding !== expected ? "channel binding" : undefined;
  }

  #problemOfMic(content: AuthenticateContent, blob: Blob, challenged: Challenged, key: Buffer): string | undefined {
    if (this.#options.tellsTime === false) return undefined;
    if (!blob.hasIntegrityCode) return "no MIC";
    const expected = hmacMd5(key, challenged.negotiate, challenged.challenge, content.zeroed);
    return expected.equals(content.integrityCode) ? undefined : "wrong MIC";
  }
}
