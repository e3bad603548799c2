import { z } from "zod";
import type { WebAnswer } from "../shared-http/web-client.ts";
import type { GraphClient } from "./graph-client.ts";
import { graphError } from "./graph-errors.ts";

/** Microsoft Graph, "JSON batching": at most so many requests in one. */
export const LARGEST_BATCH = 20;

/** One request without a body. */
export interface BatchedGet {
  /** Below the version, with a leading slash. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** One of the answers; each has its own status, whatever that of the whole is. */
export interface BatchedAnswer extends WebAnswer {
  /** JSON that nobody has checked. */
  readonly body: unknown;
}

const answer = z.object({ responses: z.array(z.unknown()).max(1000) });
const response = z.object({
  id: z.string().max(64),
  status: z.number().int().min(100).max(599),
  headers: z.record(z.string(), z.unknown()).nullish().catch(undefined),
  body: z.unknown(),
});

/**
 * Performs the requests in one, one after the other: else the service performs four at a time, and those count against the
 * application's four. So the first that fails ends it: those after it are answered 424 and were not performed.
 *
 * @returns one answer for each, in order; undefined for one that was left out. Rejects with GatewayError or the signal's reason
 */
export async function callBatch(
  client: GraphClient,
  requests: readonly BatchedGet[],
  signal: AbortSignal,
): Promise<readonly (BatchedAnswer | undefined)[]> {
  const inner = requests.map(({ path, headers }, index) => ({
    id: `${index + 1}`,
    method: "GET",
    url: path,
    headers,
    ...(index > 0 && { dependsOn: [`${index}`] }),
  }));
  const request = { method: "POST", path: "/$batch", body: { requests: inner }, isAside: true } as const;
  const { body } = await client.call(request, "watching", signal);
  return decodeBatch(body, requests.length, client.host);
}

/** The answers by their ids, which are 1 to `count`: others are nobody's, and of two with the same the first counts. */
export function decodeBatch(body: unknown, count: number, host: string): readonly (BatchedAnswer | undefined)[] {
  const parsed = answer.safeParse(body);
  if (!parsed.success) throw graphError("graph-bad-answer", `${host}: the answer is not one of $batch`);
  const byId = new Map<string, BatchedAnswer>();
  for (const each of parsed.data.responses) {
    const { data } = response.safeParse(each);
    if (data && !byId.has(data.id)) byId.set(data.id, toAnswer(data));
  }
  return Array.from({ length: count }, (_, index) => byId.get(`${index + 1}`));
}

function toAnswer({ status, headers, body }: z.infer<typeof response>): BatchedAnswer {
  const named = new Map(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]));
  const header = (name: string): string | undefined => {
    const value = named.get(name);
    return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
  };
  // Only what went wrong is read as a text.
  return { status, header, body, text: status < 300 ? "" : (JSON.stringify(body) ?? "") };
}
