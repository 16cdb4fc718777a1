// Python that loads the exported masks, shown beside the download. Text only.

/** Checked against PyTorch on the CPU by golden/check_flex.py. */
export const FLEX_SNIPPET = `import numpy as np, torch
from torch.nn.attention.flex_attention import BlockMask, flex_attention
a = {k: torch.from_numpy(x).to("cuda") for k, x in np.load("FILE").items()}
side, length = int(a["block_size"]), int(a["length"])
mask = BlockMask.from_kv_blocks(
    a["kv_num_blocks"], a["kv_indices"], a["full_kv_num_blocks"], a["full_kv_indices"],
    BLOCK_SIZE=side, mask_mod=lambda b, h, q, k: (q < length) & (k < length), seq_lengths=(length, length))
out = torch.compile(flex_attention)(q, k, v, block_mask=mask)  # q, k, v [B, H, L, D]
`;

export const SPARGE_SNIPPET = `import numpy as np, torch
from spas_sage_attn import block_sparse_sage2_attn_cuda
mask = torch.from_numpy(np.load("FILE")["mask_id"]).to("cuda", torch.int8)  # [B, H, L/128, L/64]
out = block_sparse_sage2_attn_cuda(q, k, v, mask_id=mask)
`;

export const BSA_SNIPPET = `import numpy as np, torch
from block_sparse_attn import block_sparse_attn_func
a = np.load("FILE")
base = torch.from_numpy(a["base_blockmask"]).cuda()      # [B, H, L/128, L/128]
kinds = torch.from_numpy(a["head_mask_type"]).cuda()     # 1 = block-sparse
# q, k, v [B*L, H, D] with cu_seqlens as in the library's README; blocks of 128.
out = block_sparse_attn_func(q, k, v, cu, cu, kinds, None, base, length, length, 0.0)
`;

export const FLASHINFER_SNIPPET = `import numpy as np, torch, flashinfer
a = np.load("FILE")
side, length, off = int(a["block_size"][0]), int(a["length"][0]), a["head_offsets"]
for h in range(a["indptr"].shape[0]):                    # one BSR matrix per head; length must be a multiple of side
    w = flashinfer.BlockSparseAttentionWrapper(torch.empty(128 << 20, dtype=torch.uint8, device="cuda"))
    w.plan(torch.from_numpy(a["indptr"][h]).cuda(), torch.from_numpy(a["indices"][off[h]:off[h + 1]]).cuda(),
           length, length, side, side, 1, 1, q.shape[-1])
    out[:, h:h + 1] = w.run(q[:, h:h + 1], k[:, h:h + 1], v[:, h:h + 1])  # [L, H, D]
`;
