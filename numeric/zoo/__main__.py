"""python -m s6flow.numeric.zoo: write zoo.json and docs/zoo.md anew."""

from s6flow.numeric.zoo.audits import main

if __name__ == "__main__":
    main()
