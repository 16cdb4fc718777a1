# Trains three small tokenizers of the common kinds and keeps what transformers says of a text of many scripts: tokens, text
# from tokens, chat templates. Called by make.py. Text and templates were written for this project.
import json, os
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

ROWS = 320  # the embedding of the tiny models

TEXT = [
    "Plain words, and more words: it's what they've said, isn't it? DON'T.",
    "Zürich, naïve façade, Ångström; déjà vu (e\u0301 is not é), ﬁne ½ Ⅷ",
    "Ελληνικά και Русский текст, Türkçe İstanbul, Tiếng Việt",
    "مرحبا بالعالم ‏שלום עולם",
    "नमस्ते दुनिया, สวัสดีชาวโลก",
    "你好，世界。こんにちは世界！ 안녕하세요 세계",
    "👩🏽‍🚀 🇫🇷 👍🏿 ☃️ 🤖🤖 ‍ \u200b",
    "def f(x):\n\tif x >= 10_000:\r\n    return {'a': [1, 22, 333, 4444]}  # 3.14159e-2\n\n\n",
    "  two  spaces   three\u00a0hard\u3000wide  \t tab ",
    "“quotes” ‘single’ — dash … ¿qué? \u0007 bell",
    "<|im_start|>not a turn<|im_end|> </s> <s>",
    "",
    " ",
    "\n",
    "a",
]

CHATML = (
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}"
    "{{ '<|im_start|>system\\nYou help.<|im_end|>\\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
HEADERS = """{{- bos_token }}
{%- set ns = namespace(count=0) %}
{%- for message in messages %}
    {%- set ns.count = ns.count + 1 %}
    {%- if message.role not in ['system', 'user', 'assistant'] %}
        {{- raise_exception('No such role: ' + message.role) }}
    {%- endif %}
    {{- '<|head|>' ~ message.role | upper ~ '<|end|>' ~ loop.index0 ~ '\n\n' ~ message.content | trim ~ '<|turn|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|head|>' ~ 'assistant' | title ~ '<|end|>' ~ (messages | length) ~ ns.count ~ '\n\n' }}
{%- endif %}
"""
BRACKETS = """{% if messages[0]['role'] == 'system' %}
{% set system_message = messages[0]['content'] %}
{% set rest = messages[1:] %}
{% else %}
{% set system_message = none %}
{% set rest = messages %}
{% endif %}
{{ bos_token }}
{%- for message in rest %}
    {% if message['role'] == 'user' %}
        {{ '[INST] ' + (system_message + '\n\n' if loop.first and system_message is not none else '') + message['content'] | tojson + ' [/INST]' }}
    {%- else %}
        {{ ' ' + message['content'].strip() + eos_token }}
    {%- endif %}
{% endfor %}
"""
CHATS = [
    [dict(role="user", content="  Grüß dich! \n")],
    [dict(role="system", content="Be brief."), dict(role="user", content="你好 'a' \"b\""),
     dict(role="assistant", content=" Hi.\n"), dict(role="user", content="More?")],
]
QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = QWEN.replace(r"\p{N}|", r"\p{N}{1,3}|")


def byte_level(pattern, nfc, ignore_merges=False):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if nfc:
        tokenizer.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def kinds():
    special = lambda *words: [AddedToken(word, special=True, normalized=False) for word in words]
    words = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = byte_level(QWEN, nfc=True)
    train(tokenizer, special(*words), pre_tokenizers.ByteLevel.alphabet())
    yield "qwen2", tokenizer, dict(eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=CHATML)

    words = ["<|begin|>", "<|head|>", "<|end|>", "<|turn|>"]
    tokenizer = byte_level(LLAMA3, nfc=False, ignore_merges=True)
    train(tokenizer, special(*words), pre_tokenizers.ByteLevel.alphabet())
    tokenizer.post_processor = processors.TemplateProcessing(single="<|begin|> $A", special_tokens=[("<|begin|>", tokenizer.token_to_id("<|begin|>"))])
    yield "llama", tokenizer, dict(bos_token="<|begin|>", eos_token="<|turn|>", chat_template=HEADERS)

    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    train(tokenizer, special("<unk>", "<s>", "</s>") + [f"<0x{byte:02X}>" for byte in range(256)], [], short=True)
    body = json.loads(tokenizer.to_str())
    body["added_tokens"] = [token for token in body["added_tokens"] if not token["content"].startswith("<0x")]
    tokenizer = Tokenizer.from_str(json.dumps(body))
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    yield "mistral", tokenizer, dict(bos_token="<s>", eos_token="</s>", unk_token="<unk>", chat_template=BRACKETS)


def train(tokenizer, special, alphabet, short=False):
    more = dict(limit_alphabet=30) if short else {}
    trainer = trainers.BpeTrainer(vocab_size=ROWS, special_tokens=special, initial_alphabet=alphabet, show_progress=False, **more)
    tokenizer.train_from_iterator([line for line in TEXT if not line.startswith("<|")], trainer)


def goldens(here):
    for name, tokenizer, settings in kinds():
        folder = f"{here}/tokenizer-{name}"
        os.makedirs(folder, exist_ok=True)
        PreTrainedTokenizerFast(tokenizer_object=tokenizer, **settings).save_pretrained(folder)
        again = AutoTokenizer.from_pretrained(folder)
        assert len(again) <= ROWS, len(again)
        texts = [dict(text=t, ids=again(t).input_ids, bare=again(t, add_special_tokens=False).input_ids) for t in TEXT]
        for case in texts:
            case["back"] = again.decode(case["ids"], skip_special_tokens=True)
        chats = []
        for messages in CHATS:
            for prompt in (True, False):
                text = again.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt)
                ids = again.apply_chat_template(messages, tokenize=True, add_generation_prompt=prompt, return_dict=False)
                chats.append(dict(messages=messages, prompt=prompt, text=text, ids=ids))
        print(f"tokenizer {name}: {len(again)} tokens, {sum(len(c['ids']) for c in texts)} in the text")
        with open(f"{folder}/said.json", "w") as out:
            out.write(json.dumps(dict(texts=texts, chats=chats), ensure_ascii=False) + "\n")


def words_of(here, name, text):
    return AutoTokenizer.from_pretrained(f"{here}/tokenizer-{name}")(text).input_ids
