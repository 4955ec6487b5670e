(** Axioms used by the theorems on the one-channel flow: the build prints them,
    and only the four of the standard library's real numbers may appear. *)

From S6Flow Require Import Recursion LayerAttention Signs Scaling Uniqueness Existence Convergence.
From S6Flow Require Import Constants StateConvergence CriticalShare ZeroTokens Divergence SlowRate SlowExistence StateDivergence.
From S6Flow Require Import Blowup FastOrder Dichotomy Witness.

Print Assumptions linear_recursion.
Print Assumptions unrolled_attention_channel.
Print Assumptions unrolled_attention.
Print Assumptions sign_invariance.
Print Assumptions scaling.
Print Assumptions uniqueness.
Print Assumptions causality.
Print Assumptions maximal_solution.
Print Assumptions existence.
Print Assumptions convergence_rate.
Print Assumptions convergence_rate_first.
Print Assumptions convergence_rate_attained.
Print Assumptions convergence_constants.
Print Assumptions attention_decay.
Print Assumptions state_existence.
Print Assumptions state_convergence.
Print Assumptions state_convergence_critical.
Print Assumptions state_convergence_zeros.
Print Assumptions divergence_monotone.
Print Assumptions slow_existence.
Print Assumptions slow_log_rate.
Print Assumptions state_divergence.
Print Assumptions fast_bound.
Print Assumptions fast_bound_attained.
Print Assumptions fast_order.
Print Assumptions dichotomy.
