import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { minutes } from "../lib/time.ts";
import { after } from "../ports/after.ts";
import { toGatewayError } from "../ports/errors.ts";
import type { Runtime } from "../ports/runtime.ts";
import { notificationError } from "./notification-errors.ts";

/** Where the certificate, with those of its issuers, and its key are: absolute paths of PEM files. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

/** What a TLS server needs, PEM. */
export interface ServerCertificate {
  readonly cert: string;
  readonly key: string;
}

// Certificates are renewed days before they end; the file may be watched on a network drive, so it is looked at.
const LOOK_INTERVAL = minutes(1);

/** Reads the pair; rejects with `notification-certificate-unusable`. */
export async function readCertificate(files: CertificateFiles): Promise<ServerCertificate> {
  try {
    const [cert, key] = await Promise.all([readFile(files.certificate, "utf8"), readFile(files.key, "utf8")]);
    createSecureContext({ cert, key }); // throws when they do not belong together
    return { cert, key };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const text = `${files.certificate} and ${files.key} are no certificate and key: ${reason}`;
    throw notificationError("notification-certificate-unusable", text, error);
  }
}

/** What a pair that is found in the files means for others. */
export interface CertificateUse {
  /** Takes a new pair. */
  readonly apply: (certificate: ServerCertificate) => void;
  /** Told of the pair in use, each time that is looked at. */
  readonly note: (pem: string) => void;
}

/** Hands on each new pair that is found in the files; one that cannot be used changes nothing. The returned function ends it. */
export function followCertificate(
  files: CertificateFiles,
  current: ServerCertificate,
  { apply, note }: CertificateUse,
  { clock, log }: Pick<Runtime, "clock" | "log">,
): () => void {
  let { cert, key } = current;
  let problem = "";
  let cancel: () => void;
  let isOver = false;
  const look = async (): Promise<void> => {
    try {
      const found = await readCertificate(files);
      problem = "";
      if (!isOver) note(found.cert);
      if (isOver || (found.cert === cert && found.key === key)) return;
      ({ cert, key } = found);
      apply(found);
      log.info("notifications.certificate-changed");
    } catch (error) {
      const { code, message } = toGatewayError(error);
      if (message !== problem) log.error("notifications.certificate-not-changed", { code, message });
      problem = message;
    }
  };
  const wait = (): void => {
    cancel = after(clock, LOOK_INTERVAL, () => {
      // Never rejects.
      void look().then(() => {
        if (!isOver) wait();
      });
    });
  };
  note(cert);
  wait();
  return () => {
    isOver = true;
    cancel();
  };
}
