// One measurement of llama.cpp, in a process of its own: node llama.mjs '{"model": ..., "threads": ..., "prompt": ..., "promptTokens": ..., "maxTokens": ...}'
// Prints its own times, taken inside the library around its passes: what the JavaScript around it costs is not counted against it.
import { getLlama, LlamaLogLevel } from "node-llama-cpp";

const { model: modelPath, threads, prompt, promptTokens, maxTokens } = JSON.parse(process.argv[2]);
const lines = [];
const llama = await getLlama({
    gpu: false, build: "never", skipDownload: true, maxThreads: threads, logLevel: LlamaLogLevel.debug, logger: (_, line) => lines.push(line),
});
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({ contextSize: Math.max(promptTokens, 256) + maxTokens, threads, batchSize: 512, performanceTracking: true });
const sequence = context.getSequence();
const ids = [...(model.tokens.shouldPrependBosToken ? [model.tokens.bos] : []), ...model.tokenize(prompt, true)];
const long = Array.from({ length: promptTokens }, (_, i) => ids[i % ids.length]);

await prefill();
await decode();
const prefillSeconds = await prefill();
const { seconds, tokens, output } = await decode();
console.log(JSON.stringify({
    prefill_tokens_per_second: promptTokens / prefillSeconds,
    decode_tokens_per_second: tokens / seconds,
    prompt_ids: ids,
    output,
    simd: llama.systemInfo.split("|").filter(feature => feature.includes("= 1")).map(feature => feature.split("=")[0].replace("CPU :", "").trim()),
}));
process.exit(0);

async function prefill() {
    await sequence.clearHistory();
    await times();
    await sequence.evaluateWithoutGeneratingNewTokens(long);
    return (await times()).prompt;
}

async function decode() {
    await sequence.clearHistory();
    await sequence.evaluateWithoutGeneratingNewTokens(ids.slice(0, -1));
    const output = [];
    await times();
    for await (const token of sequence.evaluate(ids.slice(-1), { temperature: 0 })) {
        output.push(token);
        if (output.length === maxTokens) {
            break;
        }
    }

    const { eval: seconds, runs } = await times();
    return { seconds, tokens: runs, output };
}

/** Seconds in prompt passes and in passes of a single token since the last call, and how many the latter were. */
async function times() {
    lines.length = 0;
    await context.printTimings();
    const text = lines.join("\n");
    const [, prompt] = /prompt eval time =\s*([\d.]+) ms/.exec(text);
    const [, single, runs] = /\s{2,}eval time =\s*([\d.]+) ms \/\s*(\d+) runs/.exec(text);
    return { prompt: prompt / 1000, eval: single / 1000, runs: Number(runs) };
}
