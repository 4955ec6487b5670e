(** Axioms used by the theorems on layers, on the first token, on the residual
    stack and on several tokens: the build prints them, and only the four of
    the standard library's real numbers may appear. *)

From S6Flow Require Import ChannelInvariance DepthContraction DefiniteConverges DefiniteDiverges.
From S6Flow Require Import NeverDefinite Radial SlowFirstToken BlowUpTime BlowUpProfile ClosedForms.
From S6Flow Require Import EulerConsistency SlowRatios SlowAttention Coexistence Carried.
From S6Flow Require Import AffinePhaseLine SkipEquilibria.

Print Assumptions channel_invariance.
Print Assumptions depth_contraction.
Print Assumptions first_token_field.
Print Assumptions definite_converges.
Print Assumptions definite_diverges.
Print Assumptions never_definite.
Print Assumptions cone_equilibria.
Print Assumptions radial.
Print Assumptions slow_first_token.
Print Assumptions fast_blow_up_time.
Print Assumptions blow_up_profile.
Print Assumptions closed_form_first_token.
Print Assumptions closed_form_two_tokens.
Print Assumptions euler_consistency.
Print Assumptions slow_ratios.
Print Assumptions slow_attention.
Print Assumptions coexistence.
Print Assumptions carried_rate.
Print Assumptions carried_limits.
Print Assumptions stationary.
Print Assumptions affine_phase_line.
Print Assumptions skip_equilibria.
