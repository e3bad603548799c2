import { describe } from "vitest";
import { isMissing } from "../../lab/xmpp-server.ts";
import { describeActivityGuard } from "../server-module/guard-activity.ts";

describe.skipIf(isMissing("ejabberd"))("on a real ejabberd", () => describeActivityGuard("ejabberd"));
