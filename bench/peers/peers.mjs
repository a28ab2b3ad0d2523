// Runs llama.cpp and this project on the same weights, prompts, token counts and threads, taking turns; prints medians and their ratio.
//   node bench/peers/peers.mjs [--models synthetic-160m,models/topv2-parser] [--formats f32,bf16,q8_0,q4_0] [--rounds 5]
//                              [--threads 2] [--prompt-tokens 128] [--max-tokens 64] [--draft-weights int8] [--output peers.json]
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { restore } from "./restore.mjs";
import { shapes, writeSynthetic } from "./synthetic.mjs";

const folder = dirname(fileURLToPath(import.meta.url));
const root = resolve(folder, "../..");
const cache = join(folder, "cache");
const tool = join(root, "src/LayerSkip.Cli/bin/Release/net10.0/layerskip.dll");
const formats = ["f32", "bf16", "q8_0", "q4_0"];

// Those whose weights have more bits than a copy that drafts.
const drafting = ["f32", "bf16"];
const plainPrompt = "The quick brown fox jumps over the lazy dog, and then it runs along the river until the sun goes down behind the far hills.";
const parserPrompt = "<|begin|><|user|> remind me to call mom at 5 pm<|assistant|>";

const options = parse({
    options: {
        models: { type: "string", default: "synthetic-160m,models/topv2-parser" },
        formats: { type: "string", default: formats.join(",") },
        rounds: { type: "string", default: "5" },
        threads: { type: "string", default: String(cpus().length) },
        "prompt-tokens": { type: "string", default: "128" },
        "max-tokens": { type: "string", default: "64" },
        "draft-weights": { type: "string", default: "int8" },
        output: { type: "string", default: join(cache, "peers.json") },
        "no-build": { type: "boolean", default: false },
    },
});
const settings = {
    rounds: integer("rounds"), threads: integer("threads"), promptTokens: integer("prompt-tokens"), maxTokens: integer("max-tokens"),
};
const asked = options.formats.split(",");
const draftWeights = options["draft-weights"];
if (!["int8", "int4"].includes(draftWeights)) {
    fail(`--draft-weights is '${draftWeights}', expected int8 or int4`);
}

for (const format of asked) {
    if (!formats.includes(format)) {
        fail(`--formats holds '${format}', expected some of ${formats.join(", ")}`);
    }
}

const missing = restore(folder);
if (missing !== null) {
    console.log(`peers: skipped: ${missing}`);
    process.exit(0);
}

if (!options["no-build"]) {
    run("dotnet", ["build", "-c", "Release", join(root, "src/LayerSkip.Cli"), "-v", "q", "--nologo"]);
}

mkdirSync(cache, { recursive: true });
const results = [];
for (const model of options.models.split(",")) {
    const source = model in shapes ? writeSynthetic(cache, model) : resolve(root, model);
    const prompt = basename(source) === "topv2-parser" ? parserPrompt : plainPrompt;
    for (const format of asked) {
        results.push(measure(basename(source), exportModel(source, format), format, prompt));
    }
}

print(results);
writeFileSync(options.output, JSON.stringify({ ...settings, results }, null, 2) + "\n");

function measure(model, file, format, prompt) {
    const prompts = join(cache, "prompts.jsonl");
    writeFileSync(prompts, JSON.stringify({ prompt }) + "\n");
    const rounds = [];
    for (let round = 0; round < settings.rounds; round++) {
        // Who goes first alternates.
        const turns = [() => ["ours", runOurs(file, prompts, format)], () => ["llama", runLlama(file, prompt)]];
        rounds.push(Object.fromEntries((round % 2 === 0 ? turns : turns.reverse()).map(turn => turn())));
    }

    const of = (who, what) => median(rounds.map(round => round[who][what]));
    const ratio = (ours, llamas = ours) => median(rounds.map(round => round.ours[ours] / round.llama[llamas]));
    const drafted = "self_speculative_decode_tokens_per_second";
    return {
        model, format, file_bytes: statSync(file).size, weight_format: rounds[0].ours.weight_format, machine: rounds[0].ours.machine, simd: rounds[0].llama.simd,
        decode: { ours: of("ours", "decode_tokens_per_second"), llama: of("llama", "decode_tokens_per_second"), ratio: ratio("decode_tokens_per_second") },
        // An answer that comes in one round has no rate.
        drafted: drafting.includes(format) && rounds.every(round => round.ours[drafted] !== null)
            ? { ours: of("ours", drafted), ratio: ratio(drafted, "decode_tokens_per_second") }
            : null,
        prefill: { ours: of("ours", "prefill_tokens_per_second"), llama: of("llama", "prefill_tokens_per_second"), ratio: ratio("prefill_tokens_per_second") },
        bandwidth_share: of("ours", "bandwidth_share"),
        rounds: rounds.map(({ ours, llama }) => ({
            ours: { decode: ours.decode_tokens_per_second, drafted: ours[drafted], prefill: ours.prefill_tokens_per_second },
            llama: { decode: llama.decode_tokens_per_second, prefill: llama.prefill_tokens_per_second },
        })),
    };
}

function runOurs(file, prompts, format) {
    // Self-speculation is measured beside: where it has no copy to draft by, as little of it as can be.
    const draft = drafting.includes(format)
        ? ["--controller", "auto", "--draft-source", "exit", "--draft-weights", draftWeights]
        : ["--exit-layer", "1", "--num-speculations", "1"];
    return JSON.parse(run("dotnet", [
        tool, "bench", "--model", file, "--prompts", prompts, "--runs", "1", "--device", "cpu", "--threads", settings.threads, "--prompt-tokens", settings.promptTokens,
        "--max-tokens", settings.maxTokens, ...draft, "--json",
    ]));
}

/** The better of one thread and all: the binding makes threads anew for every pass, which can cost more than they bring. */
function runLlama(file, prompt) {
    const runs = [...new Set([1, settings.threads])].map(threads => JSON.parse(run(process.execPath, [
        join(folder, "llama.mjs"),
        JSON.stringify({ model: file, threads, prompt, promptTokens: settings.promptTokens, maxTokens: settings.maxTokens }),
    ])));
    const best = what => Math.max(...runs.map(measured => measured[what]));
    return { ...runs[0], decode_tokens_per_second: best("decode_tokens_per_second"), prefill_tokens_per_second: best("prefill_tokens_per_second") };
}

/** The checkpoint as a GGUF file, written anew where a file of it is younger. Two checkpoints may have folders of one name. */
function exportModel(source, format) {
    const place = createHash("sha256").update(source).digest("hex").slice(0, 8);
    const file = join(cache, `${basename(source)}-${place}-${format}.gguf`);
    if (!existsSync(file) || statSync(file).mtimeMs < youngest(source)) {
        run("dotnet", [tool, "export", "--model", source, "--gguf", file, "--dtype", format]);
    }

    return file;
}

/** When the weights, their index or what says how to read them were last written, in milliseconds. */
function youngest(directory) {
    const files = existsSync(directory) ? readdirSync(directory).filter(name => /\.(safetensors|json)$/.test(name)) : [];
    return files.length > 0 ? Math.max(...files.map(name => statSync(join(directory, name)).mtimeMs)) : fail(`${directory}: holds no checkpoint`);
}

function print(rows) {
    const { machine, simd } = rows[0];
    console.log(`${machine.device}, ${cpus()[0].model.trim()}; llama.cpp of node-llama-cpp ${version()} (${simd.filter(name => name.startsWith("AVX")).join(", ")})`);
    console.log(`medians of ${settings.rounds} rounds, ${settings.promptTokens} tokens of prompt, up to ${settings.maxTokens} decoded, ${settings.threads} threads (llama.cpp: the better of that and 1)\n`);
    console.log(`| model | format | decode, tokens/s | llama.cpp | ratio | drafted by ${draftWeights}, tokens/s | ratio | prefill, tokens/s | llama.cpp | ratio |`);
    console.log("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    for (const { model, format, decode, drafted, prefill } of rows) {
        const beside = drafted === null ? "- | -" : `${drafted.ours.toFixed(1)} | ${drafted.ratio.toFixed(2)}x`;
        console.log(`| ${model} | ${format} | ${rate(decode)} | ${beside} | ${rate(prefill)} |`);
    }
}

function rate({ ours, llama, ratio }) {
    return `${ours.toFixed(1)} | ${llama.toFixed(1)} | ${ratio.toFixed(2)}x`;
}

function version() {
    return JSON.parse(readFileSync(join(folder, "node_modules/node-llama-cpp/package.json"), "utf8")).version;
}

function median(numbers) {
    const ordered = [...numbers].sort((a, b) => a - b);
    const middle = ordered.length >> 1;
    return ordered.length % 2 === 1 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2;
}

function run(command, args) {
    const { status, stdout, stderr, error } = spawnSync(command, args.map(String), { cwd: folder, encoding: "utf8", maxBuffer: 1 << 28 });
    if (status !== 0) {
        fail(`${command} ${args[0]}: ${error?.message ?? (stderr.trim() || stdout.trim())}`);
    }

    return stdout;
}

function integer(name) {
    const number = Number(options[name]);
    return Number.isInteger(number) && number > 0 ? number : fail(`--${name} is '${options[name]}', expected a positive integer`);
}

/** The options; a mistyped one ends the program with one line. */
function parse(expected) {
    try {
        return parseArgs(expected).values;
    } catch (error) {
        fail(error.message);
    }
}

function fail(message) {
    console.error(`peers: ${message}`);
    process.exit(2);
}
