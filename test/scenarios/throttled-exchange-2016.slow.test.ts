import { defaultTimeBudget } from "../doubles/exchange/throttling.ts";
import { describeLife } from "./throttled-life.ts";

// What a call costs of EwsRechargeRate is nowhere stated: half a second for 100 calendars is taken as much. A third of
// 15,000 mailboxes pays three times as much.
const time = defaultTimeBudget(({ operation }) => (operation === "GetUserAvailability" ? 3 * 500 : 20));

// [H1] [H2] [H3] [H4] [H5] [H6] [H7] [H8] [H9] [K9] [K10]: the names of its tests.
describeLife({ name: "Exchange 2016", version: "exchange2016", users: 5000, budgets: { time }, mostAtOnce: 24 });
