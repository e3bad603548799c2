import { z } from "zod";
import { isLoopback } from "../../src/lib/host.ts";
import { TLS_EXCEPTIONS } from "../../src/ports/trust.ts";

/** What is wrong with the URL of a server that is told a password; undefined when nothing is. */
export function urlProblem(text: string, example: string): string | undefined {
  if (!URL.canParse(text)) return `must be a URL such as ${example}`;
  const { protocol, hostname, username, password, hash } = new URL(text);
  if (username || password) return "must not hold an account or a password: they have options of their own";
  if (hash) return "must not hold a fragment (#)";
  if (protocol === "https:" || (protocol === "http:" && isLoopback(hostname))) return undefined;
  return "must begin with https:// (http:// would send the password in clear)";
}

/** The option for a server's URL: by TLS, or on this machine. */
export const serverUrl = (example: string) =>
  z
    .string()
    .trim()
    .superRefine((text, context) => {
      const problem = urlProblem(text, example);
      if (problem) context.addIssue({ code: "custom", message: problem });
    });

/** The option for a service account. */
export const account = z
  .string()
  .trim()
  .min(1)
  .max(256)
  // RFC 7617 2: the account ends at the first colon; neither part may hold control characters.
  .regex(/^[^:\p{Cc}]+$/u, "must not hold a colon or control characters")
  .describe("Service account: user@domain or DOMAIN\\user");

/** The option for its password. */
export const password = z
  .string()
  .min(1)
  .max(1024)
  .regex(/^\P{Cc}+$/u, "must not hold control characters")
  .describe("The account's password");

/** The option for a certificate authority beside those that all servers are verified with. */
export const ca = z
  .string()
  .trim()
  .min(1)
  .optional()
  .describe("File with the PEM certificate of a private CA that is trusted too");

/** The option for what is let pass of a server's certificates. */
export const tlsExceptions = z
  .string()
  .trim()
  .toLowerCase()
  .transform((text) => text.split(/[\s,]+/).filter((each) => each !== ""))
  .pipe(z.array(z.enum(TLS_EXCEPTIONS, `must be a list of ${TLS_EXCEPTIONS.join(", ")}`)))
  .optional()
  .describe(
    "What is let pass of this server's certificates, separated by commas: weak-key (RSA of 1024 bits), sha-1 (signatures), common-name (a name without subjectAltName)",
  );
