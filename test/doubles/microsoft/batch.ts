import { z } from "zod";
import { type Caller, type CloudAnswer, type CloudRequest, type GraphRoute, graphError } from "./wire.ts";

const asked = z.strictObject({
  requests: z
    .array(
      z.strictObject({
        id: z.string().min(1),
        method: z.enum(["GET", "POST", "PATCH", "DELETE"]),
        url: z.string().startsWith("/"),
        headers: z.record(z.string(), z.string()).optional(),
        body: z.unknown().optional(),
        dependsOn: z.array(z.string()).length(1).optional(),
      }),
    )
    .min(1)
    .max(20),
});

type Asked = z.infer<typeof asked>["requests"][number];

// "Microsoft Graph dispatches at most four requests of a batch at a time to Outlook, whatever the mailboxes."
const AT_A_TIME = 4;

/** `POST /$batch`: in parallel, or one after the other where each depends on the one before it. */
export const batchRoute = (perform: (caller: Caller, request: CloudRequest) => Promise<CloudAnswer>): GraphRoute => ({
  name: "batch",
  method: "POST",
  path: /^\/\$batch$/,
  roles: [],
  isEnvelope: true,
  answer: async ({ caller, json }) => {
    const parsed = asked.safeParse(json);
    if (!parsed.success) return graphError(400, "BadRequest", parsed.error.message);
    const { requests } = parsed.data;
    const isSerial = requests.every(({ dependsOn: [before] = [] }, index) => before === requests[index - 1]?.id);
    if (!isSerial && requests.some(({ dependsOn }) => dependsOn)) return graphError(400, "BadRequest", "dependsOn");
    const one = async (each: Asked) => inner(each, await perform(caller, toRequest(each)));
    const responses = isSerial ? await inTurn(requests, one) : await inParallel(requests, one);
    return { status: 200, body: { responses } };
  },
});

const toRequest = ({ method, url, headers = {}, body }: Asked): CloudRequest => ({
  method,
  url: new URL(`/v1.0${url}`, "https://graph.microsoft.com"),
  headers: new Map(Object.entries(headers)),
  body: body === undefined ? "" : JSON.stringify(body),
});

const inner = ({ id }: Asked, { status, headers = {}, body }: CloudAnswer) => ({ id, status, headers, body });
type Inner = ReturnType<typeof inner>;

async function inTurn(requests: readonly Asked[], one: (each: Asked) => Promise<Inner>): Promise<readonly Inner[]> {
  const responses: Inner[] = [];
  for (const each of requests) {
    const hasFailed = responses.some(({ status }) => status >= 400);
    responses.push(hasFailed ? inner(each, graphError(424, "Failed Dependency")) : await one(each));
  }
  return responses;
}

async function inParallel(requests: readonly Asked[], one: (each: Asked) => Promise<Inner>): Promise<readonly Inner[]> {
  const responses: Inner[] = [];
  const waiting = [...requests];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) responses.push(await one(next));
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  return responses;
}
