import { GatewayError } from "../../ports/errors.ts";
import type { ErrorCodeText } from "../command-errors.ts";

/** Every error code of certificates. */
export const CERTIFICATE_ERROR_CODES = {
  "certificate-unreadable": {
    type: "modify",
    meaning: "What was given holds no certificate that can be read.",
    action: "Give PEM text, or the base64 text of a DER certificate or a PKCS#7 file (.p7b).",
  },
  "certificate-too-large": {
    type: "modify",
    meaning: "A certificate of more than 64 KiB, a PKCS#7 file of more than 1 MiB, or too many certificates at once.",
    action: "Give only the certificates of one chain.",
  },
  "certificate-unreachable": {
    type: "wait",
    meaning: "No TLS connection could be made to the server that was named.",
    action: "Check host and port, and the network between.",
  },
  "certificate-fetch-refused": {
    type: "cancel",
    meaning: "An issuer's certificate was not fetched, because its address is not allowed or its answer not usable.",
    action: "Add the certificate with `certificate add`, or allow private addresses with `allow-private=yes`.",
  },
} as const satisfies Readonly<Record<string, ErrorCodeText>>;

/** An error code of certificates. */
type CertificateErrorCode = keyof typeof CERTIFICATE_ERROR_CODES;

/** The error of that code. */
export const certificateError = (code: CertificateErrorCode, message: string, cause?: unknown): GatewayError =>
  new GatewayError(message, { type: CERTIFICATE_ERROR_CODES[code].type, code, cause });
