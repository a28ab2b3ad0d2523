// Random models as Hugging Face checkpoints: for speed alone, which does not depend on what the weights are.
import { existsSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync, writeSync, closeSync } from "node:fs";
import { join } from "node:path";

export const shapes = {
    "synthetic-160m": { layers: 12, hidden: 768, ffn: 3072, heads: 12, kv: 12, vocab: 32000 },
    "synthetic-1b": { layers: 16, hidden: 2048, ffn: 8192, heads: 32, kv: 8, vocab: 32000 },
};

/** Writes a model where there is none yet; returns its directory. */
export function writeSynthetic(folder, name) {
    const directory = join(folder, name);
    if (existsSync(directory)) {
        return directory;
    }

    const shape = shapes[name];
    const unfinished = `${directory}.tmp`;
    rmSync(unfinished, { recursive: true, force: true });
    mkdirSync(unfinished, { recursive: true });
    writeFileSync(join(unfinished, "config.json"), JSON.stringify({
        architectures: ["LlamaForCausalLM"], model_type: "llama", vocab_size: shape.vocab, hidden_size: shape.hidden,
        intermediate_size: shape.ffn, num_hidden_layers: shape.layers, num_attention_heads: shape.heads, num_key_value_heads: shape.kv,
        max_position_embeddings: 2048, rms_norm_eps: 1e-5, tie_word_embeddings: false, torch_dtype: "bfloat16",
    }));
    writeFileSync(join(unfinished, "tokenizer.json"), JSON.stringify(byteTokenizer()));
    writeWeights(join(unfinished, "model.safetensors"), tensorsOf(shape));
    renameSync(unfinished, directory);
    return directory;
}

function tensorsOf({ layers, hidden, ffn, heads, kv, vocab }) {
    const keys = hidden / heads * kv;
    const tensors = [["model.embed_tokens.weight", vocab, hidden]];
    for (let i = 0; i < layers; i++) {
        const prefix = `model.layers.${i}.`;
        tensors.push(
            [`${prefix}input_layernorm.weight`, hidden], [`${prefix}post_attention_layernorm.weight`, hidden],
            [`${prefix}self_attn.q_proj.weight`, hidden, hidden], [`${prefix}self_attn.k_proj.weight`, keys, hidden],
            [`${prefix}self_attn.v_proj.weight`, keys, hidden], [`${prefix}self_attn.o_proj.weight`, hidden, hidden],
            [`${prefix}mlp.gate_proj.weight`, ffn, hidden], [`${prefix}mlp.up_proj.weight`, ffn, hidden], [`${prefix}mlp.down_proj.weight`, hidden, ffn]);
    }

    tensors.push(["model.norm.weight", hidden], ["lm_head.weight", vocab, hidden]);
    return tensors.map(([name, ...shape]) => ({ name, shape, elements: shape.reduce((a, b) => a * b) }));
}

function writeWeights(path, tensors) {
    const header = {};
    let offset = 0;
    for (const { name, shape, elements } of tensors) {
        header[name] = { dtype: "BF16", shape, data_offsets: [offset, offset += 2 * elements] };
    }

    const json = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    const file = openSync(path, "w");
    writeSync(file, length);
    writeSync(file, json);
    let state = 2463534242;
    const value = new Float32Array(1);
    const bits = new Uint32Array(value.buffer);
    for (const { shape, elements } of tensors) {
        const stored = new Uint16Array(elements);
        const bound = Math.sqrt(3 / shape.at(-1)); // uniform, with a standard deviation of 1 / sqrt(columns)
        for (let i = 0; i < elements; i++) {
            state ^= state << 13;
            state ^= state >>> 17;
            state ^= state << 5;
            value[0] = shape.length === 1 ? 1 : bound * state / 2147483648;
            stored[i] = bits[0] >>> 16; // bfloat16: the upper half of a float32
        }

        writeSync(file, new Uint8Array(stored.buffer));
    }

    closeSync(file);
}

/** GPT-2's alphabet of 256 bytes, without merges: a token a byte. */
function byteTokenizer() {
    const isPrintable = value => (value >= 33 && value <= 126) || (value >= 161 && value <= 172) || value >= 174;
    const vocab = {};
    for (let value = 0, others = 0; value < 256; value++) {
        vocab[String.fromCodePoint(isPrintable(value) ? value : 256 + others++)] = value;
    }

    return {
        version: "1.0", added_tokens: [], normalizer: null,
        pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
        decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
        model: { type: "BPE", vocab, merges: [] },
    };
}
