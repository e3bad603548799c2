import type { GatewayError } from "../../src/ports/errors.ts";
import type { PluginContext } from "../../src/ports/plugin-definition.ts";
import type { HttpProxy } from "../../src/ports/trust.ts";
import { orAborted } from "../shared-http/or-aborted.ts";
import { ProxyRoute } from "../shared-http/proxy-route.ts";
import { readCa } from "../shared-http/read-ca.ts";
import { trustedConnector } from "../shared-http/trusted-connector.ts";
import { UndiciWebClient, type WebClient } from "../shared-http/web-client.ts";
import { readCertificateCredential } from "./certificate-credential.ts";
import { EntraTokenSource } from "./entra-token-source.ts";
import type { TokenSource } from "./token-source.ts";

/** Which application asks for tokens, how it proves that it is the one, and what they are for. */
export interface Application {
  /** Origin of the token authority. */
  readonly authority: URL;
  readonly tenant: string;
  /** Application (client) ID. */
  readonly client: string;
  /** The client secret, or the path of a PEM file with certificate and key. */
  readonly credential: { readonly secret: string } | { readonly certificateFile: string };
  /** Origin of the service that takes the tokens. */
  readonly resource: URL;
  /** Path of a PEM file with a private CA. */
  readonly caFile: string | undefined;
  readonly proxy: HttpProxy | undefined;
}

interface Opened {
  readonly web: WebClient;
  readonly tokens: EntraTokenSource;
}

/** An application's tokens, with connections of their own that are made when the first is asked for. */
export class ApplicationTokens implements TokenSource {
  readonly #application: Application;
  readonly #context: Pick<PluginContext, "runtime" | "trust">;
  /** The error for a CA file that cannot be read. */
  readonly #caUnreadable: (text: string, cause: unknown) => GatewayError;
  #opening: Promise<Opened> | undefined;
  #opened: Opened | undefined;

  constructor(
    application: Application,
    context: Pick<PluginContext, "runtime" | "trust">,
    caUnreadable: (text: string, cause: unknown) => GatewayError,
  ) {
    this.#application = application;
    this.#context = context;
    this.#caUnreadable = caUnreadable;
  }

  async token(signal: AbortSignal): Promise<string> {
    this.#opening ??= this.#open();
    const { tokens } = await orAborted(this.#opening, signal);
    return tokens.token(signal);
  }

  refuse(token: string): void {
    this.#opened?.tokens.refuse(token);
  }

  /** Forgets the token and closes; what waits for one is rejected with the reason. Asked again, it opens again. */
  close(reason: GatewayError): void {
    const opening = this.#opening;
    this.#opening = undefined;
    this.#opened = undefined;
    const end = async ({ tokens, web }: Opened): Promise<void> => {
      tokens.close(reason);
      await web.close(reason);
    };
    // Nobody waits for it; what could not be opened needs no end.
    opening?.then(end).catch(() => undefined);
  }

  /** What is read from files is read again after a failure: it may have been mended. */
  async #open(): Promise<Opened> {
    try {
      const { caFile, credential, proxy, ...rest } = this.#application;
      const { runtime, trust } = this.#context;
      const { clock } = runtime;
      const { signal } = new AbortController();
      const ca = await readCa(caFile, this.#caUnreadable, signal);
      const proof =
        "secret" in credential
          ? credential
          : { certificate: await readCertificateCredential(credential.certificateFile, signal) };
      const route = proxy && new ProxyRoute({ proxy, trust, ca, clock });
      const connect = trustedConnector(trust, { ca, exceptions: new Set<never>() }, route);
      const web = new UndiciWebClient({ connect, clock, connections: 1 });
      const tokens = new EntraTokenSource({
        ...rest,
        credential: proof,
        web,
        clock,
        proved: (chain) => trust.noteOwn(`application ${rest.client}`, chain),
        random: () => runtime.random(),
      });
      this.#opened = { web, tokens };
      return this.#opened;
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
  }
}
