/** Import directions and package homes: docs/ARCHITECTURE.md, "Layers". */
const home = (name, packages, folder) => ({
  name,
  severity: "error",
  comment: `${packages} may be imported from ${folder} only`,
  from: { path: "^(src|plugins)/", pathNot: folder },
  to: { path: `node_modules/(${packages})(/|$)` },
});
const layer = (name, from, forbidden, pathNot) => ({
  name,
  severity: "error",
  from: { path: from },
  to: pathNot ? { path: forbidden, pathNot } : { path: forbidden },
});

module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    layer("lib-knows-nothing", "^src/lib/", "^(src|plugins|test)/", "^src/lib/"),
    layer("core-imports-lib-only", "^src/core/", "^(src|plugins|test)/", "^src/(core|lib)/"),
    {
      name: "pure-layers-use-no-package",
      severity: "error",
      from: { path: "^src/(lib|core)/" },
      to: { dependencyTypes: ["npm", "npm-dev", "core", "npm-optional", "npm-peer"] },
    },
    layer("ports-import-core-and-lib", "^src/ports/", "^(src|plugins|test)/", "^src/(ports|core|lib)/"),
    layer("engine-imports-ports", "^src/engine/", "^(src|plugins|test)/", "^src/(engine|ports|core|lib)/"),
    layer("store-is-an-adapter", "^src/store/", "^(src|plugins|test)/", "^src/(store|ports|core|lib)/"),
    layer("xmpp-is-an-adapter", "^src/xmpp/", "^(src|plugins|test)/", "^src/(xmpp|ports|core|lib)/"),
    layer("admin-uses-the-engine", "^src/admin/", "^(src|plugins|test)/", "^src/(admin|engine|ports|core|lib)/"),
    layer("plugins-are-adapters", "^plugins/", "^(src|test)/", "^src/(ports|core|lib)/"),
    {
      name: "no-plugin-imports-another",
      severity: "error",
      from: { path: "^plugins/([^/]+)/" },
      to: { path: "^plugins/", pathNot: ["^plugins/$1/", "^plugins/shared-"] },
    },
    layer("product-never-imports-tests", "^(src|plugins)/", "^test/"),
    {
      name: "only-main-imports-the-shell",
      severity: "error",
      from: { path: "^(src|plugins)/", pathNot: "^src/(main\\.ts|shell/)" },
      to: { path: "^src/shell/" },
    },
    home("home-of-certificates", "node-forge", "^src/admin/certificates/"),
    home("home-of-sqlite", "better-sqlite3", "^src/store/"),
    home("home-of-xmpp", "@xmpp/[^/]+|ltx", "^src/xmpp/"),
    home("home-of-the-http-client", "undici", "^plugins/(calendar-ews|shared-)"),
    home("home-of-msal", "@azure/msal-[^/]+", "^plugins/shared-microsoft/"),
    home("home-of-the-xml-stream-parser", "saxes", "^(plugins/(calendar-ews|shared-)|src/xmpp/)"),
    home("home-of-sip", "sip\\.js", "^plugins/shared-sip/"),
    home("home-of-ldap", "ldapts", "^plugins/directory-ldap/"),
    home("home-of-the-logger", "pino", "^src/shell/"),
    home("home-of-the-metrics", "prom-client", "^src/shell/"),
    home("home-of-toml", "smol-toml", "^src/shell/"),
    home("home-of-the-command-line", "commander", "^src/(main\\.ts|shell/)"),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^dist/" },
  },
};
