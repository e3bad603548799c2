import { describe } from "vitest";
import { isMissing } from "../../lab/xmpp-server.ts";
import { describeControl } from "../server-module/control.ts";

describe.skipIf(isMissing("ejabberd"))("on a real ejabberd", () => describeControl("ejabberd"));
