// `auto`, which also copies, beside fixed settings, which draft by an exit alone, on prompts of several kinds: every file by `layerskip sweep`, and what all of them take together.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const folder = dirname(fileURLToPath(import.meta.url));
const root = resolve(folder, "../..");
const values = parse({
    options: {
        model: { type: "string", default: join(root, "models/topv2-parser") },
        "text-model": { type: "string" },
        "exit-layer": { type: "string", default: "1..4,6,8" },
        "num-speculations": { type: "string", default: "1,2,4,6,8,12,16" },
        runs: { type: "string", default: "5" },
        "max-tokens": { type: "string", default: "64" },
        tool: { type: "string" },
    },
});
const kinds = [["parser", values.model], ["copied", values.model], ["stories", values["text-model"] ?? values.model, "--plain"]];
const tool = values.tool ? [values.tool] : ["dotnet", "run", "-c", "Release", "--project", join(root, "src/LayerSkip.Cli"), "--"];

const scratch = mkdtempSync(join(tmpdir(), "layerskip-mixed-"));
try {
    print(kinds.map(([kind, model, ...options]) => ({ kind, report: sweep(kind, model, options) })));
} finally {
    rmSync(scratch, { recursive: true, force: true });
}

/** The options; a mistyped one ends the program with one line. */
function parse(expected) {
    try {
        return parseArgs(expected).values;
    } catch (error) {
        console.error(`mixed: ${error.message}`);
        process.exit(2);
    }
}

function sweep(kind, model, options) {
    const result = spawnSync(tool[0], [
        ...tool.slice(1), "sweep", "--model", model, "--data", join(folder, `${kind}.jsonl`), ...options,
        "--exit-layer", values["exit-layer"], "--num-speculations", values["num-speculations"], "--runs", values.runs,
        "--max-tokens", values["max-tokens"], "--output", join(scratch, `${kind}.csv`), "--json",
    ], { encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "inherit"] });
    // 1: tokens differ in some answers, which the last line counts; but a build that fails ends with 1, too.
    if (result.status !== 0 && !(result.status === 1 && result.stdout.startsWith("{"))) {
        throw new Error(`layerskip sweep ended with ${result.status ?? result.error}`);
    }

    return JSON.parse(result.stdout);
}

/** Speed-ups over autoregressive decoding: of each kind by the median run, of all together by the sums of the kinds' mean times. */
function print(measured) {
    const [{ report }] = measured;
    console.log(`${report.machine.device}; ${report.runs} runs; prompts: ${measured.map(({ kind, report }) => `${report.prompts} ${kind} (${report.model}, ${report.weight_format})`).join(", ")}`);
    const rows = [
        { name: "auto", cells: measured.map(({ report }) => report.auto) },
        ...report.cells.map((cell, index) => ({ name: `exit ${cell.exit_layer}, ${cell.num_speculations} drafted`, cells: measured.map(({ report }) => report.cells[index]) })),
    ].map(row => ({ ...row, all: total(row.cells, "autoregressive_mean_ms", measured) / total(row.cells, "self_speculative_mean_ms", measured) }));
    const [auto, ...fixed] = rows;
    fixed.sort((a, b) => b.all - a.all);
    console.log(["", ...measured.map(({ kind }) => kind), "all"].map((text, column) => column ? text.padStart(9) : text.padEnd(20)).join(""));
    for (const { name, cells, all } of [auto, ...fixed.slice(0, 5), fixed.at(-1)]) {
        console.log(name.padEnd(20) + [...cells.map(cell => cell.speedup.median), all].map(ratio => `${ratio.toFixed(2)}x`.padStart(9)).join(""));
    }

    const mismatches = measured.reduce((sum, { report }) => sum + report.mismatches, 0);
    console.log(`auto by the best fixed setting: ${(auto.all / fixed[0].all).toFixed(2)}; tokens differ in ${mismatches} answers`);
    process.exitCode = mismatches === 0 ? 0 : 1;
}

function total(cells, field, measured) {
    return cells.reduce((sum, cell, index) => sum + cell[field] * measured[index].report.prompts, 0);
}
