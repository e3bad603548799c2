import { describe } from "vitest";
import { isMissing } from "../../lab/xmpp-server.ts";
import { describeControl } from "../server-module/control.ts";

describe.skipIf(isMissing("ejabberd"))("[R1] orders on a real ejabberd", () => describeControl("ejabberd"));
