// Fetches llama.cpp's prebuilt CPU binaries, which come with node-llama-cpp, into this folder's node_modules.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const binaries = {
    "linux-x64": "linux-x64", "linux-arm64": "linux-arm64",
    "darwin-arm64": "mac-arm64-metal", "darwin-x64": "mac-x64",
    "win32-x64": "win-x64", "win32-arm64": "win-arm64",
};

/** @returns {string | null} Why the packages could not be had; null: they are there. */
export function restore(folder) {
    const version = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).dependencies["node-llama-cpp"];
    const platform = binaries[`${process.platform}-${process.arch}`];
    if (platform === undefined) {
        return `node-llama-cpp has no binaries for ${process.platform}-${process.arch}`;
    }

    const packages = [`node-llama-cpp@${version}`, `@node-llama-cpp/${platform}@${version}`];
    const isThere = packages.every(name => existsSync(join(folder, "node_modules", name.slice(0, name.lastIndexOf("@")), "package.json")));
    if (isThere) {
        return null;
    }

    // Without the optional packages, which hold the binaries of every GPU, and without scripts, which would build some.
    const npm = spawnSync("npm", ["install", "--no-save", "--no-package-lock", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-retry-mintimeout=1000", ...packages], {
        cwd: folder, encoding: "utf8", shell: process.platform === "win32", timeout: 300_000,
    });
    const why = npm.error?.message ?? /npm (?:error|ERR!) (code \S+)/.exec(npm.stderr)?.[1] ?? `exit status ${npm.status}`;
    return npm.status === 0 ? null : `npm could not fetch ${packages.join(" and ")}: ${why}`;
}
