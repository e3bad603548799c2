import { describe } from "vitest";
import { isMissing } from "../../lab/xmpp-server.ts";
import { describeActivityGuard } from "../server-module/guard-activity.ts";

describe.skipIf(isMissing("ejabberd"))("[R1] [R2] [K6] the guard of activities on a real ejabberd", () =>
  describeActivityGuard("ejabberd"),
);
