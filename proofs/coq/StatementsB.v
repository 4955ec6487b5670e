(** The statements of the theorems on layers, on the first token, on the
    residual stack and on several tokens, in three files; the file named after
    each theorem proves it. *)

From S6Flow Require Export StatementsVector StatementsFirst StatementsFlow.
