import type { buildConnector, Dispatcher } from "undici";
import { seconds } from "../../../src/lib/time.ts";
import type { GatewayError } from "../../../src/ports/errors.ts";
import type { Clock } from "../../../src/ports/runtime.ts";
import { AccountClient, type LoginChoice } from "../../shared-microsoft/account-client.ts";
import type { HttpRequest } from "../../shared-microsoft/login-connection.ts";
import type { TokenSource } from "../../shared-microsoft/token-source.ts";
import { BearerClient } from "./bearer-client.ts";

/** Sends requests to one server, logged in. */
export interface HttpClient {
  /** How it logs in, in words; undefined until the server has been asked. */
  readonly loginName: string | undefined;
  /** Resolves with the head of an answer, which is no refusal (401). */
  request(request: HttpRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData>;
  /** Ends all connections; requests that run are rejected with the error. */
  destroy(error: Error): Promise<void>;
}

/** A server to log in at. */
interface LoginPlace {
  readonly url: URL;
  readonly connect: buildConnector.connector;
  readonly clock: Clock;
  /** As AccountClientOptions.onlyWhenAsked. */
  readonly onlyWhenAsked: boolean;
}

/** As whom the gateway calls. */
export interface EwsLogin {
  /** The account or the application, for people. */
  readonly name: string;
  /** An application has no mailbox: whatever it asks, it asks as somebody (ErrorInvalidExchangeImpersonationHeaderData). */
  readonly isApplication: boolean;
  open(place: LoginPlace): HttpClient;
  /** Ends what it has beside the clients. */
  close(reason: GatewayError): void;
}

// Longer than the gateway's bursts, shorter than what servers and load balancers usually close idle connections after.
const KEEP_ALIVE = seconds(20);

/** A service account. */
export const accountLogin = (account: string, password: string, login: LoginChoice): EwsLogin => ({
  name: account,
  isApplication: false,
  open: (place) => new AccountClient({ ...place, account, password, login, keepAlive: KEEP_ALIVE }),
  close: () => undefined,
});

/** Tokens of an application, and what they cost may be given up. */
export interface ApplicationTokens extends TokenSource {
  close?(reason: GatewayError): void;
}

/** An application of Entra ID (OAuth 2.0, full_access_as_app). */
export const applicationLogin = (client: string, tokens: ApplicationTokens): EwsLogin => ({
  name: `application ${client}`,
  isApplication: true,
  open: ({ url, connect }) => new BearerClient({ url, connect, tokens, keepAlive: KEEP_ALIVE }),
  close: (reason) => tokens.close?.(reason),
});
