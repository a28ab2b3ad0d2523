#include "embedding.cu"
#include "kernel_table.h"

ADD_KERNEL(embed_f32);
ADD_KERNEL(embed_bf16);
ADD_KERNEL(embed_f16);
ADD_KERNEL(embed_q8);
ADD_KERNEL(embed_q4);
ADD_KERNEL(rotary_angles);
