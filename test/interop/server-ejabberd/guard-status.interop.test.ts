import { describe } from "vitest";
import { isMissing } from "../../lab/xmpp-server.ts";
import { describeStatusGuard } from "../server-module/guard-status.ts";

describe.skipIf(isMissing("ejabberd"))("[R1] [R2] the guard of texts on a real ejabberd", () =>
  describeStatusGuard("ejabberd"),
);
