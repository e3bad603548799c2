import type { Runtime } from "../ports/runtime.ts";
import type { Trust } from "../ports/trust.ts";
import type { Config } from "./config-schema.ts";
import { type Bound, HTTP_LIMITS, type HttpLimits, listenHttp, type Reception } from "./notification-http.ts";
import { authority } from "./own-address.ts";
import { type CertificateFiles, followCertificate, readCertificate } from "./webhook-certificate.ts";

/** What the configuration file says of webhooks. */
export type WebhookConfig = Pick<Config["notifications"], "webhook-listen" | "certificate" | "key" | "public-url">;

type Place = NonNullable<WebhookConfig["webhook-listen"]>;

const PORT = 50_443;
const EVERYWHERE: Place = { host: "::", port: PORT };
const HERE: Place = { host: "127.0.0.1", port: PORT };

// A cloud gathers what is sent to one URL: a thousand notifications are about half a megabyte.
const LIMITS: HttpLimits = { ...HTTP_LIMITS, bodyBytes: 1_048_576, connections: 256, connectionsOfOne: 64 };
// All that comes through a reverse proxy comes from one address.
const PROXY_LIMITS: HttpLimits = { ...LIMITS, connectionsOfOne: LIMITS.connections };

interface WebhookSetup {
  readonly place: Place;
  readonly files: CertificateFiles | undefined;
  readonly publicUrl: URL | undefined;
  readonly runtime: Pick<Runtime, "clock" | "log">;
  readonly trust: Pick<Trust, "noteOwn">;
}

/** How webhooks reach the gateway: by TLS of its own, or by a reverse proxy in front. */
export class Webhooks {
  readonly place: Place;
  readonly #files: CertificateFiles | undefined;
  readonly #publicUrl: URL | undefined;
  readonly #runtime: Pick<Runtime, "clock" | "log">;
  readonly #trust: Pick<Trust, "noteOwn">;

  private constructor(given: WebhookSetup) {
    this.place = given.place;
    this.#files = given.files;
    this.#publicUrl = given.publicUrl;
    this.#runtime = given.runtime;
    this.#trust = given.trust;
  }

  /** Undefined when nothing is configured by which the outside could reach the gateway. */
  static from(
    config: WebhookConfig,
    { runtime, trust }: Pick<WebhookSetup, "runtime" | "trust">,
  ): Webhooks | undefined {
    const { certificate, key, "public-url": publicUrl, "webhook-listen": place } = config;
    const files = certificate !== undefined && key !== undefined ? { certificate, key } : undefined;
    if (!files && publicUrl === undefined) return undefined;
    return new Webhooks({
      place: place ?? (files ? EVERYWHERE : HERE),
      files,
      publicUrl: publicUrl === undefined ? undefined : new URL(publicUrl),
      runtime,
      trust,
    });
  }

  /** True when the gateway's own name is part of the URL. */
  get needsOwnName(): boolean {
    return this.#publicUrl === undefined;
  }

  /** The path that a reverse proxy may hand on before ours; empty: none. */
  get basePath(): string {
    return this.#publicUrl?.pathname.replace(/\/+$/, "") ?? "";
  }

  /** Where the outside reaches what is listened for at the port; no slash at its end. */
  baseUrl(host: string, port: number): string {
    return this.#publicUrl ? `${this.#publicUrl.origin}${this.basePath}` : `https://${authority(host, port)}`;
  }

  /** Listens at `place`; rejects with the error of the system or `notification-certificate-unusable`. */
  async listen(place: Place, reception: Reception): Promise<Bound> {
    const files = this.#files;
    if (!files) return listenHttp(place, reception, PROXY_LIMITS);
    const certificate = await readCertificate(files);
    const limits = this.#publicUrl ? PROXY_LIMITS : LIMITS; // a proxy may speak TLS on both sides
    const bound = await listenHttp({ ...place, certificate }, reception, limits);
    const use = { apply: bound.setCertificate, note: (pem: string) => this.#trust.noteOwn("the webhook", pem) };
    const stop = followCertificate(files, certificate, use, this.#runtime);
    return {
      ...bound,
      close: () => {
        stop();
        return bound.close();
      },
    };
  }
}
