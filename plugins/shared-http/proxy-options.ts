import { z } from "zod";
import type { HttpProxy } from "../../src/ports/trust.ts";

/** What is wrong with the URL; undefined when nothing is. */
function proxyProblem(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:")
    return "must be a URL such as http://proxy.example.com:3128";
  if (url.username || url.password) return "must not hold a user or a password: they have options of their own";
  if (url.pathname !== "/" || url.search || url.hash) return "must end after host and port";
  return undefined;
}

const proxy = z
  .string()
  .trim()
  .superRefine((text, context) => {
    const problem = proxyProblem(text);
    if (problem) context.addIssue({ code: "custom", message: problem });
  })
  .optional()
  .describe(
    "HTTP proxy by which the server is reached: http://<host>:<port>, or https:// for a proxy that is spoken to by TLS",
  );

// RFC 7617 2: the user ends at the first colon; neither part may hold control characters.
const user = z
  .string()
  .trim()
  .min(1)
  .max(256)
  .regex(/^[^:\p{Cc}]+$/u, "must not hold a colon or control characters")
  .optional()
  .describe("Who logs in at the proxy (Basic), where it wants that");

const password = z
  .string()
  .min(1)
  .max(1024)
  .regex(/^\P{Cc}+$/u, "must not hold control characters")
  .optional()
  .describe("The proxy user's password");

/** Options of a plugin that reaches its server by HTTP; `proxy-password` is a secret. */
export const PROXY_OPTIONS = { proxy, "proxy-user": user, "proxy-password": password };

/** The proxy that checked options name, if any. */
export function proxyOf(given: {
  readonly proxy?: string | undefined;
  readonly "proxy-user"?: string | undefined;
  readonly "proxy-password"?: string | undefined;
}): HttpProxy | undefined {
  if (given.proxy === undefined) return undefined;
  return { url: new URL(given.proxy), user: given["proxy-user"], password: given["proxy-password"] };
}
